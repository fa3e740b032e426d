// Goal: a base made from nothing loads everywhere, repeats to the byte, and never replaces what is
// not a checkpoint. Method: a tiny base from an invented text, made twice.
#include "coordinator/admin/base_pretrainer.h"

#include <filesystem>
#include <string>

#include "common/model/determinism.h"
#include "common/model/weights.h"
#include "common/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {
namespace {

using kalavai::testing::ReadFile;
using kalavai::testing::TempDir;
using kalavai::testing::WriteFile;

BasePretrainOptions Options(const TempDir& directory) {
  std::string lines;
  const std::string text = kalavai::testing::TinyText(2, 200);
  for (size_t at = 0, end = 0; (end = text.find("\n\n", at)) != std::string::npos; at = end + 2) {
    lines += R"({"text":")" + text.substr(at, end - at) + "\"}\n";
  }
  WriteFile(directory.File("public.jsonl"), lines);
  BasePretrainOptions options;
  options.directory = directory.File("base");
  options.files = {directory.File("public.jsonl")};
  options.vocabulary = 300;
  options.hidden_size = 32;
  options.layer_count = 2;
  options.head_count = 2;
  options.chunk_tokens = 32;
  options.context_length = 64;
  options.batch = 4;
  options.hyperparameters = {
      .learning_rate = 5e-3, .warmup_steps = 4, .steps = 40, .micro_batch = 4};
  options.precision = Precision::kFloat32;
  return options;
}

BasePretrainListener Silent() {
  return {.note = [](absl::string_view) {},
          .progress = [](const TrainingProgress&) { return absl::OkStatus(); }};
}

TEST_CASE("A base is trained, written and repeatable", "[admin]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  const BasePretrainOptions options = Options(directory);
  REQUIRE_OK_AND_ASSIGN(const BasePretrainReport report, PretrainBase(options, Silent()));
  REQUIRE(report.held_out_loss < 0.8 * report.summary.curve.front().loss);
  REQUIRE(report.bytes_per_token > 1);
  REQUIRE_OK_AND_ASSIGN(const Transformer model, LoadTransformer(options.directory, {}));
  REQUIRE(model.weight_type() == WeightType::kBfloat16);
  REQUIRE(model.config.context_length == 64);
  REQUIRE_OK_AND_ASSIGN(const auto tokenizer,
                        Tokenizer::Load(options.directory + "/tokenizer.json"));
  REQUIRE(tokenizer->VocabularySize() == report.vocabulary);
  REQUIRE(model.config.vocab_size == report.vocabulary);

  const std::string weights = ReadFile(options.directory + "/model.safetensors");
  REQUIRE_OK(PretrainBase(options, Silent()));
  REQUIRE(ReadFile(options.directory + "/model.safetensors") == weights);
  REQUIRE_FALSE(std::filesystem::exists(options.directory + ".tokenizer.json"));
}

TEST_CASE("A directory of something else is left alone", "[admin]") {
  const TempDir directory;
  BasePretrainOptions options = Options(directory);
  std::filesystem::create_directories(options.directory);
  WriteFile(options.directory + "/thesis.tex", "irreplaceable");
  REQUIRE_STATUS(PretrainBase(options, Silent()), absl::StatusCode::kAlreadyExists, "FILE_EXISTS");
  REQUIRE(ReadFile(options.directory + "/thesis.tex") == "irreplaceable");
}

TEST_CASE("Numbers that make no model are refused", "[admin]") {
  const TempDir directory;
  BasePretrainOptions options = Options(directory);
  options.head_count = 3;
  REQUIRE_STATUS(PretrainBase(options, Silent()), absl::StatusCode::kInvalidArgument,
                 "MODEL_CONFIG_INVALID");
}

}  // namespace
}  // namespace kalavai::coordinator
