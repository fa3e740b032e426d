// Goal: shards and index are byte for byte those of huggingface_hub, and no old weights stay.
// Method: the tensors of tests/golden/safetensors/make_sharded.py; splits; a directory written
// over.
#include "common/safetensors/shard_writer.h"

#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/safetensors/checkpoint_directory.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::ReadFile;
using testing::TempDir;

// As in make_sharded.py.
struct GoldenTensors {
  std::vector<std::vector<float>> values;
  std::vector<TensorView> views;

  GoldenTensors() {
    const std::vector<std::pair<std::string, size_t>> sources = {
        {"embed", 10},    {"a.weight", 10}, {"huge", 40},   {"a.bias", 5},
        {"b.weight", 25}, {"b.bias", 1},    {"\xC3\xA4", 2}};
    for (const auto& [name, count] : sources) {
      const auto first = static_cast<float>(100 * values.size());
      std::vector<float>& own = values.emplace_back();
      for (size_t i = 0; i < count; ++i) own.push_back(first + static_cast<float>(i));
    }
    for (size_t i = 0; i < values.size(); ++i) {
      views.push_back({sources[i].first,
                       Dtype::kF32,
                       {static_cast<int64_t>(values[i].size())},
                       std::as_bytes(std::span(values[i]))});
    }
  }
};

TEST_CASE("Shards and index are byte for byte those of huggingface_hub") {
  const TempDir directory;
  const GoldenTensors tensors;
  REQUIRE_OK_AND_ASSIGN(const std::vector<std::string> files,
                        WriteWeights(directory.path(), tensors.views, 100));
  const std::string golden = absl::StrCat(KALAVAI_GOLDEN_DIR, "/safetensors/sharded/");
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    const std::string name = entry.path().filename().string();
    INFO(name);
    REQUIRE(ReadFile(directory.File(name)) == ReadFile(entry.path().string()));
    ++count;
  }
  REQUIRE(files.size() == count);
  testing::WriteFile(directory.File("config.json"), "{}");
  REQUIRE_OK_AND_ASSIGN(const CheckpointDirectory opened,
                        CheckpointDirectory::Open(directory.path(), {}));
  REQUIRE(opened.tensors().size() == tensors.views.size());
  REQUIRE_FALSE(opened.warning().has_value());
}

TEST_CASE("A split follows the order, and a tensor above the limit stands alone") {
  const std::string bytes(100, 'x');
  const auto split = [&](const std::vector<size_t>& sizes, int64_t limit) {
    std::vector<TensorView> views;
    for (const size_t size : sizes) {
      views.push_back({absl::StrCat(views.size()),
                       Dtype::kU8,
                       {static_cast<int64_t>(size)},
                       std::as_bytes(std::span(bytes).first(size))});
    }
    return SplitIntoShards(views, limit);
  };
  using Shards = std::vector<std::vector<size_t>>;
  REQUIRE(split({}, 10) == Shards{{}});
  REQUIRE(split({5, 5}, 10) == Shards{{0, 1}});
  REQUIRE(split({5, 6}, 10) == Shards{{0}, {1}});
  REQUIRE(split({11}, 10) == Shards{{0}});
  REQUIRE(split({4, 11, 4}, 10) == Shards{{1}, {0, 2}});
  REQUIRE(split({0, 0, 10, 0, 1}, 10) == Shards{{0, 1, 2, 3}, {4}});
}

TEST_CASE("Writing replaces the weights of the other form") {
  const TempDir directory;
  const GoldenTensors tensors;
  testing::WriteFile(directory.File("config.json"), "{}");
  testing::WriteFile(directory.File("model-notes.txt"), "stays");
  for (const int64_t limit : {int64_t{100}, int64_t{170}, kDefaultShardBytes, int64_t{100}}) {
    INFO(limit);
    REQUIRE_OK_AND_ASSIGN(const std::vector<std::string> files,
                          WriteWeights(directory.path(), tensors.views, limit));
    REQUIRE((files == std::vector<std::string>{"model.safetensors"}) ==
            (limit == kDefaultShardBytes));
    REQUIRE_OK(CheckpointDirectory::Open(directory.path(), {}));
  }
  REQUIRE(ReadFile(directory.File("model-notes.txt")) == "stays");
}

TEST_CASE("Two tensors of one name are refused before anything is removed") {
  const TempDir directory;
  GoldenTensors tensors;
  REQUIRE_OK(WriteWeights(directory.path(), tensors.views));
  tensors.views.push_back(tensors.views[0]);
  REQUIRE_STATUS(WriteWeights(directory.path(), tensors.views, 100),
                 absl::StatusCode::kInvalidArgument, "SAFETENSORS_DUPLICATE_KEY");
  REQUIRE(std::filesystem::exists(directory.File("model.safetensors")));
  REQUIRE_STATUS(WriteWeights(directory.File("absent"), {}), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

TEST_CASE("Shard sizes are decimal, with a unit") {
  const std::vector<std::pair<std::string, int64_t>> good = {
      {"5GB", 5'000'000'000}, {"1.5gb", 1'500'000'000},   {"200MB", 200'000'000},
      {"10KB", 10'000},       {"2TB", 2'000'000'000'000}, {"77", 77}};
  for (const auto& [text, bytes] : good) {
    INFO(text);
    REQUIRE_OK_AND_ASSIGN(const int64_t parsed, ParseShardSize(text));
    REQUIRE(parsed == bytes);
  }
  for (const std::string text : {"", "GB", "0", "0GB", "-5GB", "5GiB", "5 GB", "1e3", "inf", "nan",
                                 "1.2.3GB", "99999999999999999999TB", "0x10", "0.1"}) {
    INFO(text);
    REQUIRE_STATUS(ParseShardSize(text), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  }
}

}  // namespace
}  // namespace kalavai
