// Goal: what is wrong between config.json and tokenizer.json is said before weights are read.
// Method: a tiny directory, whole; then with fewer embeddings than tokens, without a tokenizer,
// with another architecture.
#include "common/model/model_directory.h"

#include <filesystem>
#include <string>

#include "nlohmann/json.hpp"

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

void SetField(const std::string& config, const std::string& field, const nlohmann::json& value) {
  nlohmann::json json = nlohmann::json::parse(testing::ReadFile(config));
  json[field] = value;
  testing::WriteFile(config, json.dump());
}

TEST_CASE("A whole directory opens with its numbers and tokens", "[model]") {
  const testing::TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  REQUIRE_OK_AND_ASSIGN(const ModelDirectory opened, OpenModelDirectory(directory.path()));
  CHECK(opened.config.layer_count == 2);
  CHECK(opened.tokenizer->VocabularySize() == opened.config.vocab_size);
}

TEST_CASE("More tokens than embeddings are refused with both numbers", "[model]") {
  const testing::TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  SetField(directory.File("config.json"), "vocab_size", 280);
  const auto opened = OpenModelDirectory(directory.path());
  REQUIRE_STATUS(opened, absl::StatusCode::kInvalidArgument, "TOKENIZER_MISMATCH");
  const auto metadata = GetErrorDetail(opened.status())->text.metadata;
  CHECK(metadata.at("actual") == "290");
  CHECK(metadata.at("max") == "280");
}

TEST_CASE("A directory that lacks a part, or is of another family, is refused", "[model]") {
  const testing::TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  SetField(directory.File("config.json"), "model_type", "mamba");
  REQUIRE_STATUS(OpenModelDirectory(directory.path()), absl::StatusCode::kUnimplemented,
                 "MODEL_UNSUPPORTED");
  SetField(directory.File("config.json"), "model_type", "gpt_neox");
  std::filesystem::remove(directory.File("tokenizer.json"));
  REQUIRE_STATUS(OpenModelDirectory(directory.path()), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  REQUIRE_STATUS(OpenModelDirectory(directory.File("absent")), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai
