// Goal: files are byte for byte the reference writer's, and what is written reads back.
// Method: the tensors of tests/golden/safetensors/make_written.py; round trips; bad tensors.
#include "common/safetensors/writer.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/safetensors/reader.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

struct Source {
  std::string name;
  Dtype dtype;
  std::vector<int64_t> shape;
  std::string bytes = {};
};

// As in make_written.py.
std::vector<Source> GoldenSources() {
  std::vector<Source> sources = {
      {"model.norm.weight", Dtype::kBF16, {5}},
      {"model.embed_tokens.weight", Dtype::kBF16, {7, 3}},
      {"z.scale", Dtype::kF32, {2, 2}},
      {"a.count", Dtype::kI64, {1}},
      {"scalar", Dtype::kF32, {}},
      {"half", Dtype::kF16, {4}},
      {"bytes", Dtype::kU8, {3}},
      {"quote \" and \\ and \n and \xC3\xA9", Dtype::kF32, {1}},
      {"empty", Dtype::kF32, {0, 4}},
      {"mask", Dtype::kBool, {2}},
  };
  for (size_t index = 0; index < sources.size(); ++index) {
    int64_t size = DtypeBits(sources[index].dtype) / 8;
    for (const int64_t dimension : sources[index].shape) size *= dimension;
    for (size_t i = 0; i < static_cast<size_t>(size); ++i) {
      sources[index].bytes.push_back(static_cast<char>((7 * i + index) % 251));
    }
  }
  return sources;
}

std::vector<TensorView> Views(const std::vector<Source>& sources) {
  std::vector<TensorView> views;
  for (const Source& source : sources) {
    views.push_back({.name = source.name,
                     .dtype = source.dtype,
                     .shape = source.shape,
                     .bytes = std::as_bytes(std::span(source.bytes))});
  }
  return views;
}

TEST_CASE("The file is byte for byte the reference writer's") {
  const testing::TempDir directory;
  const std::vector<Source> sources = GoldenSources();
  REQUIRE_OK(WriteSafetensors(directory.File("x.safetensors"), Views(sources)));
  REQUIRE(testing::ReadFile(directory.File("x.safetensors")) ==
          testing::ReadFile(
              absl::StrCat(KALAVAI_GOLDEN_DIR, "/safetensors/written_by_reference.safetensors")));
}

TEST_CASE("What is written reads back, in any order of tensors") {
  const testing::TempDir directory;
  const std::vector<Source> sources = GoldenSources();
  std::vector<TensorView> views = Views(sources);
  std::reverse(views.begin(), views.end());
  REQUIRE_OK(WriteSafetensors(directory.File("x"), views));
  REQUIRE_OK_AND_ASSIGN(const SafetensorsFile file,
                        SafetensorsFile::Open(directory.File("x"), SafetensorsMode::kFormat));
  REQUIRE(file.header().tensors().size() == sources.size());
  for (const Source& source : sources) {
    INFO(source.name);
    const TensorInfo* tensor = file.Find(source.name);
    REQUIRE(tensor != nullptr);
    REQUIRE(tensor->dtype == source.dtype);
    REQUIRE(tensor->shape == source.shape);
    const std::span<const std::byte> bytes = file.Bytes(*tensor);
    REQUIRE(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == source.bytes);
  }
}

TEST_CASE("Tensors that would make an unreadable file are refused and nothing is written") {
  const testing::TempDir directory;
  const std::string eight(8, 'x');
  const auto bytes = std::as_bytes(std::span(eight));
  const std::vector<std::vector<TensorView>> rows = {
      {{"a", Dtype::kF32, {3}, bytes}},                                  // shape and bytes differ
      {{"a", Dtype::kF32, {-2}, bytes}},                                 // negative dimension
      {{"a", Dtype::kF32, {2}, bytes}, {"a", Dtype::kF32, {2}, bytes}},  // one name twice
      {{"__metadata__", Dtype::kF32, {2}, bytes}},                       // the reserved name
  };
  for (const std::vector<TensorView>& row : rows) {
    REQUIRE(IsSafetensorsError(WriteSafetensors(directory.File("x"), row)));
    REQUIRE_FALSE(std::filesystem::exists(directory.File("x")));
  }
  REQUIRE_STATUS(WriteSafetensors(directory.File("x"), {{"\xFF", Dtype::kF32, {2}, bytes}}),
                 absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8");
}

}  // namespace
}  // namespace kalavai
