// Goal: a directory is accepted only when its parts say one thing.
// Method: a single-file and a sharded checkpoint, then one change at a time from a table.
#include "common/safetensors/checkpoint_directory.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/safetensors/writer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::TempDir;
using testing::WriteFile;

void WriteTensors(const std::string& path, const std::vector<std::string>& names) {
  const std::string bytes = "abcdefgh";
  std::vector<TensorView> views;
  for (const std::string& name : names) {
    views.push_back({name, Dtype::kBF16, {2, 2}, std::as_bytes(std::span(bytes))});
  }
  REQUIRE_OK(WriteSafetensors(path, views));
}

const char kShard1[] = "model-00001-of-00002.safetensors";
const char kShard2[] = "model-00002-of-00002.safetensors";
const char kIndexName[] = "model.safetensors.index.json";
const char kIndexText[] = R"({"metadata":{"total_size":24.0},"weight_map":{
  "a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors",
  "c":"model-00001-of-00002.safetensors"}})";

void WriteSharded(const TempDir& directory) {
  WriteFile(directory.File("config.json"), "{}");
  WriteFile(directory.File("tokenizer.json"), "{}");
  WriteTensors(directory.File(kShard1), {"a", "c"});
  WriteTensors(directory.File(kShard2), {"b"});
  WriteFile(directory.File(kIndexName), kIndexText);
}

TEST_CASE("One file and its shards give the same tensors") {
  const TempDir single;
  WriteFile(single.File("config.json"), "{\"x\": 1}");
  WriteTensors(single.File("model.safetensors"), {"b", "c", "a"});
  const TempDir sharded;
  WriteSharded(sharded);
  REQUIRE_OK_AND_ASSIGN(const CheckpointDirectory one,
                        CheckpointDirectory::Open(single.path(), {SafetensorsMode::kUpload}));
  REQUIRE_OK_AND_ASSIGN(CheckpointDirectory opened,
                        CheckpointDirectory::Open(sharded.path(), {SafetensorsMode::kUpload}));
  const CheckpointDirectory two = std::move(opened);
  REQUIRE(one.tensors().size() == 3);
  REQUIRE(two.tensors().size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE(one.tensors()[i].name() == std::string(1, static_cast<char>('a' + i)));
    REQUIRE(two.tensors()[i].name() == one.tensors()[i].name());
    REQUIRE(two.TensorDigest(two.tensors()[i]) == one.TensorDigest(one.tensors()[i]));
  }
  REQUIRE(one.TensorDigest(*one.Find("a")) == Sha256Of("abcdefgh"));
  REQUIRE(two.files().size() == 2);
  REQUIRE(two.Find("b")->file == &two.files()[1]);
  REQUIRE(two.Find("d") == nullptr);
  REQUIRE(two.TensorBytes() == 24);
  REQUIRE(one.config_json() == "{\"x\": 1}");
  REQUIRE(one.tokenizer_path().empty());
  REQUIRE(two.tokenizer_path() == sharded.File("tokenizer.json"));
}

TEST_CASE("A total_size that is wrong is told, and does no harm") {
  struct Row {
    std::string metadata;
    bool warned;
  };
  for (const Row& row : {Row{R"("metadata":{"total_size":24},)", false},
                         Row{R"("metadata":{"total_size":24.0,"total_parameters":12},)", false},
                         Row{R"("metadata":{"total_size":25},)", true},
                         Row{R"("metadata":{"total_size":"24"},)", false},
                         Row{R"("metadata":{},)", false}, Row{"", false}}) {
    INFO(row.metadata);
    const TempDir directory;
    WriteSharded(directory);
    std::string text = kIndexText;
    const std::string old = R"("metadata":{"total_size":24.0},)";
    text.replace(text.find(old), old.size(), row.metadata);
    WriteFile(directory.File(kIndexName), text);
    REQUIRE_OK_AND_ASSIGN(const CheckpointDirectory opened,
                          CheckpointDirectory::Open(directory.path(), {}));
    REQUIRE(opened.warning().has_value() == row.warned);
  }
}

TEST_CASE("A directory whose parts disagree is refused") {
  struct Row {
    std::string what;
    std::string reason;
    std::function<void(const TempDir&)> change;
  };
  const auto remove = [](const char* name) {
    return [name](const TempDir& directory) { std::filesystem::remove(directory.File(name)); };
  };
  const auto index = [](const char* text) {
    return [text](const TempDir& directory) { WriteFile(directory.File(kIndexName), text); };
  };
  const std::vector<Row> rows = {
      {"no config", "FILE_NOT_FOUND", remove("config.json")},
      {"config is no JSON", "JSON_INVALID",
       [](const TempDir& d) { WriteFile(d.File("config.json"), R"({"a":1,"a":2})"); }},
      {"a shard is absent", "CHECKPOINT_SHARDS", remove(kShard2)},
      {"the index is absent", "CHECKPOINT_FORM", remove(kIndexName)},
      {"both forms", "CHECKPOINT_FORM",
       [](const TempDir& d) { WriteTensors(d.File("model.safetensors"), {"a"}); }},
      {"a shard too many", "CHECKPOINT_SHARDS",
       [](const TempDir& d) { WriteTensors(d.File("model-00003-of-00003.safetensors"), {"z"}); }},
      {"a tensor twice", "CHECKPOINT_SHARDS",
       [](const TempDir& d) {
         WriteTensors(d.File(kShard2), {"a", "b"});
       }},
      {"a tensor the index lacks", "CHECKPOINT_SHARDS",
       [](const TempDir& d) {
         WriteTensors(d.File(kShard2), {"b", "z"});
       }},
      {"a tensor in the other shard", "CHECKPOINT_SHARDS",
       [](const TempDir& d) {
         WriteTensors(d.File(kShard1), {"a", "b"});
         WriteTensors(d.File(kShard2), {"c"});
       }},
      {"a tensor the shards lack", "CHECKPOINT_SHARDS",
       [](const TempDir& d) { WriteTensors(d.File(kShard1), {"a"}); }},
      {"a damaged shard", "SAFETENSORS_HEADER_TOO_LARGE",
       [](const TempDir& d) { WriteFile(d.File(kShard1), "damaged!"); }},
      {"index: no JSON", "JSON_INVALID", index("{")},
      {"index: no map", "CHECKPOINT_SHARDS", index("{}")},
      {"index: empty map", "CHECKPOINT_SHARDS", index(R"({"weight_map":{}})")},
      {"index: another kind of file", "CHECKPOINT_SHARDS",
       index(R"({"weight_map":{"a":"pytorch_model-00001-of-00002.bin"}})")},
      {"index: a path", "CHECKPOINT_SHARDS",
       index(R"({"weight_map":{"a":"../model-00001-of-00001.safetensors"}})")},
      {"index: number 0", "CHECKPOINT_SHARDS",
       index(R"({"weight_map":{"a":"model-00000-of-00001.safetensors"}})")},
      {"index: not a string", "CHECKPOINT_SHARDS", index(R"({"weight_map":{"a":1}})")},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const TempDir directory;
    WriteSharded(directory);
    row.change(directory);
    const auto opened = CheckpointDirectory::Open(directory.path(), {});
    INFO(opened.status());
    REQUIRE(GetErrorReason(opened.status()) == row.reason);
  }
}

TEST_CASE("An upload may hold nothing but a checkpoint's files and those the caller names") {
  const std::vector<std::string> refused = {"modeling.py", ".hidden", "pytorch_model.bin",
                                            "model.safetensors.zip", "submission.json"};
  for (const std::string& name : refused) {
    INFO(name);
    const TempDir directory;
    WriteSharded(directory);
    WriteFile(directory.File(name), "x");
    REQUIRE_OK(CheckpointDirectory::Open(directory.path(), {}));
    REQUIRE_STATUS(CheckpointDirectory::Open(directory.path(), {SafetensorsMode::kUpload}),
                   absl::StatusCode::kInvalidArgument, "CHECKPOINT_INVALID");
    REQUIRE_OK(CheckpointDirectory::Open(directory.path(), {SafetensorsMode::kUpload, {name}}));
  }
  const TempDir directory;
  WriteSharded(directory);
  std::filesystem::create_symlink("config.json", directory.File("README.md"));
  REQUIRE_STATUS(CheckpointDirectory::Open(directory.path(), {SafetensorsMode::kUpload}),
                 absl::StatusCode::kInvalidArgument, "CHECKPOINT_INVALID");
  std::filesystem::remove(directory.File("README.md"));
  std::filesystem::create_directory(directory.File("LICENSE"));
  REQUIRE_STATUS(CheckpointDirectory::Open(directory.path(), {SafetensorsMode::kUpload}),
                 absl::StatusCode::kInvalidArgument, "CHECKPOINT_INVALID");
}

TEST_CASE("An absent directory is not found") {
  const TempDir directory;
  REQUIRE_STATUS(CheckpointDirectory::Open(directory.File("absent"), {}),
                 absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
}

TEST_CASE("A checkpoint's files are listed by name, and nothing else") {
  const TempDir directory;
  WriteSharded(directory);
  WriteFile(directory.File("run.py"), "print()");
  WriteFile(directory.File("model.sig"), "{}");
  std::filesystem::create_directory(directory.File("LICENSE"));  // not a regular file
  REQUIRE_OK_AND_ASSIGN(const std::vector<std::string> names,
                        ListCheckpointFiles(directory.path()));
  REQUIRE(names == std::vector<std::string>{"config.json", "model-00001-of-00002.safetensors",
                                            "model-00002-of-00002.safetensors", kIndexName,
                                            "tokenizer.json"});
  REQUIRE_STATUS(ListCheckpointFiles(directory.File("nowhere")), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai
