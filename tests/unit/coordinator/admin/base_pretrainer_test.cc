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

TEST_CASE("Every family is trained in mixed precision and goes on from its checkpoint", "[admin]") {
  REQUIRE_OK(SetThreads(1));
  for (const Family family : {Family::kLlama, Family::kQwen2}) {
    INFO(NameOf(family));
    const TempDir directory;
    BasePretrainOptions options = Options(directory);
    options.family = family;
    options.head_count = 4;
    options.kv_head_count = 2;
    options.precision = Precision::kMixed;
    REQUIRE_OK_AND_ASSIGN(const BasePretrainReport report, PretrainBase(options, Silent()));
    CHECK(report.held_out_loss < 0.8 * report.summary.curve.front().loss);
    CHECK(report.config.family == family);
    CHECK(report.config.kv_heads() == 2);
    CHECK(report.config.intermediate_size == 96);

    options.from = options.directory;
    options.directory = directory.File("longer");
    REQUIRE_OK_AND_ASSIGN(const BasePretrainReport longer, PretrainBase(options, Silent()));
    CHECK(longer.config.family == family);
    CHECK(longer.held_out_loss < report.held_out_loss);
  }
}

TEST_CASE("A directory of something else is left alone", "[admin]") {
  const TempDir directory;
  BasePretrainOptions options = Options(directory);
  std::filesystem::create_directories(options.directory);
  WriteFile(options.directory + "/thesis.tex", "irreplaceable");
  REQUIRE_STATUS(PretrainBase(options, Silent()), absl::StatusCode::kAlreadyExists, "FILE_EXISTS");
  REQUIRE(ReadFile(options.directory + "/thesis.tex") == "irreplaceable");
}

TEST_CASE("Training goes on from a checkpoint with its tokenizer, whatever the order of files",
          "[admin]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  BasePretrainOptions options = Options(directory);
  REQUIRE_OK_AND_ASSIGN(const BasePretrainReport base, PretrainBase(options, Silent()));
  const std::string other = directory.File("other.txt");
  WriteFile(other, kalavai::testing::TinyText(1, 200));
  BasePretrainOptions more = options;
  more.from = options.directory;
  more.directory = directory.File("pooled");
  more.files = {directory.File("public.jsonl"), other};
  more.hidden_size = 64;  // not used
  more.hyperparameters.steps = 20;
  REQUIRE_OK_AND_ASSIGN(const BasePretrainReport pooled, PretrainBase(more, Silent()));
  REQUIRE(pooled.config == base.config);
  REQUIRE(ReadFile(more.directory + "/tokenizer.json") ==
          ReadFile(options.directory + "/tokenizer.json"));
  // It learned from the pooled text, from where the base stood.
  REQUIRE(pooled.held_out_loss < pooled.summary.curve.front().loss);
  const std::string weights = ReadFile(more.directory + "/model.safetensors");
  REQUIRE(weights != ReadFile(options.directory + "/model.safetensors"));
  more.files = {other, directory.File("public.jsonl")};
  REQUIRE_OK(PretrainBase(more, Silent()));
  REQUIRE(ReadFile(more.directory + "/model.safetensors") == weights);

  more.directory = options.directory;
  REQUIRE_STATUS(PretrainBase(more, Silent()), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  more.directory = directory.File("elsewhere");
  more.from = directory.File("nowhere");
  REQUIRE_STATUS(PretrainBase(more, Silent()), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
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
