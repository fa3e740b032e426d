// Goal: a member gets a specialist of the base's type that knows its language better, with frozen
// tensors untouched and figures measured on what was written; bad text is refused with its reason.
// Method: a tiny base, an invented language; files compared; a table of bad texts.
#include "contributor/training/specialist_trainer.h"

#include <filesystem>
#include <string>
#include <vector>

#include "common/corpus/document_list.h"
#include "common/model/determinism.h"
#include "common/model/loss.h"
#include "common/model/weights.h"
#include "contributor/training/model_evaluation.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::contributor {
namespace {

using kalavai::testing::ReadFile;
using kalavai::testing::TempDir;
using kalavai::testing::TinyText;
using kalavai::testing::WriteFile;
using kalavai::testing::WriteTinyBase;

// Documents of 5,000 characters at most: one a paragraph of the text is enough for .jsonl.
std::string Jsonl(int language, int documents) {
  std::string lines;
  const std::string text = TinyText(language, documents);
  for (size_t at = 0, end = 0; (end = text.find("\n\n", at)) != std::string::npos; at = end + 2) {
    lines += R"({"text":")" + text.substr(at, end - at) + "\"}\n";
  }
  return lines;
}

SpecialistOptions Options(const TempDir& directory) {
  SpecialistOptions options;
  options.base_directory = directory.File("base");
  options.specialist_directory = directory.File("specialist");
  options.training_directory = directory.File("training");
  options.files = {directory.File("own.jsonl")};
  options.hyperparameters = {
      .learning_rate = 5e-3, .warmup_steps = 4, .steps = 40, .micro_batch = 4};
  options.precision = Precision::kFloat32;
  options.chunk_tokens = 32;
  options.batch = 4;
  return options;
}

TrainingListener Silent(std::vector<std::string>* warnings = nullptr) {
  return {.note = [](absl::string_view) {},
          .warn =
              [warnings](absl::string_view text) {
                if (warnings != nullptr) warnings->emplace_back(text);
              },
          .progress = [](const TrainingProgress&) { return absl::OkStatus(); }};
}

TEST_CASE("A specialist learns its language and keeps type and frozen tensors of the base",
          "[training]") {
  REQUIRE_OK(SetThreads(1));
  for (const bool bfloat16 : {true, false}) {
    const TempDir directory;
    WriteTinyBase(directory.File("base"), 5, bfloat16);
    WriteFile(directory.File("own.jsonl"), Jsonl(1, 200));
    SpecialistOptions options = Options(directory);
    options.hyperparameters.freeze_depth = 1;
    REQUIRE_OK_AND_ASSIGN(const SpecialistReport report, TrainSpecialist(options, Silent()));
    REQUIRE(report.DivergencePercent() > 10);
    REQUIRE_FALSE(report.pilot);
    REQUIRE(report.documents == 200);
    // What was trained on stays known at home, by digest.
    REQUIRE_OK_AND_ASSIGN(const auto trained,
                          ParseDocumentList(ReadFile(directory.File("training/documents.txt"))));
    REQUIRE(static_cast<int64_t>(trained.size()) == report.train_documents);

    REQUIRE_OK_AND_ASSIGN(const Transformer base, LoadTransformer(options.base_directory, {}));
    REQUIRE_OK_AND_ASSIGN(const Transformer own, LoadTransformer(options.specialist_directory, {}));
    REQUIRE(own.weight_type() == base.weight_type());
    for (const std::string& name : FrozenNames(base.config, 1)) {
      REQUIRE(at::equal(own.parameters.at(name), base.parameters.at(name)));
    }
    REQUIRE_FALSE(at::equal(own.embed_out_VD, base.embed_out_VD));
    REQUIRE(ReadFile(options.specialist_directory + "/tokenizer.json") ==
            ReadFile(options.base_directory + "/tokenizer.json"));
    // The figures are those of the files, and `evaluate --own` finds them again.
    REQUIRE_OK_AND_ASSIGN(const OwnEvaluation again,
                          EvaluateOwn(options.base_directory, options.specialist_directory,
                                      options.files, {.chunk_tokens = 32}));
    REQUIRE_NEAR(again.own_loss, report.own_loss, 1e-9);
    REQUIRE_NEAR(again.base_loss, report.base_loss, 1e-9);
    REQUIRE(again.kl_divergence > 0);
  }
}

TEST_CASE("A pilot forecasts, writes no specialist, and is continued", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  WriteFile(directory.File("own.jsonl"), Jsonl(1, 200));
  SpecialistOptions options = Options(directory);
  options.pilot_steps = 20;
  REQUIRE_OK_AND_ASSIGN(const SpecialistReport pilot, TrainSpecialist(options, Silent()));
  REQUIRE(pilot.pilot);
  REQUIRE(pilot.extrapolated);
  REQUIRE(pilot.summary.steps == 20);
  REQUIRE(pilot.own_loss < pilot.measured_loss);
  REQUIRE_FALSE(std::filesystem::exists(options.specialist_directory));
  // Its weights are kept to be measured, until the whole run's are there.
  const std::string kept = options.training_directory + "/pilot";
  REQUIRE_OK(LoadTransformer(kept, {.type = WeightType::kFloat32}));

  options.pilot_steps = 0;
  REQUIRE_OK_AND_ASSIGN(const SpecialistReport whole, TrainSpecialist(options, Silent()));
  REQUIRE_FALSE(std::filesystem::exists(kept));
  REQUIRE(whole.summary.resumed_from == 20);
  REQUIRE_FALSE(whole.extrapolated);
  REQUIRE_NEAR(whole.own_loss, pilot.own_loss, 0.25 * whole.own_loss);

  const std::string resumed = ReadFile(options.specialist_directory + "/model.safetensors");
  // Asked again, the same result is told at once; trained anew, it has the same bits.
  REQUIRE_OK_AND_ASSIGN(const SpecialistReport told, TrainSpecialist(options, Silent()));
  REQUIRE(told.ToJson() == whole.ToJson());
  options.restart = true;
  REQUIRE_OK_AND_ASSIGN(const SpecialistReport anew, TrainSpecialist(options, Silent()));
  REQUIRE(anew.summary.resumed_from == 0);
  REQUIRE(anew.run_digest == whole.run_digest);
  REQUIRE(ReadFile(options.specialist_directory + "/model.safetensors") == resumed);
}

TEST_CASE("An interrupted run keeps its state, also under other settings", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  WriteFile(directory.File("own.jsonl"), Jsonl(1, 200));
  SpecialistOptions options = Options(directory);
  TrainingListener listener = Silent();
  listener.progress = [](const TrainingProgress& now) -> absl::Status {
    return now.step == 7 ? absl::CancelledError("stop") : absl::OkStatus();
  };
  REQUIRE(TrainSpecialist(options, listener).status().code() == absl::StatusCode::kCancelled);
  SpecialistOptions other = options;
  other.seed = 9;
  REQUIRE_OK_AND_ASSIGN(const SpecialistReport fresh, TrainSpecialist(other, Silent()));
  REQUIRE(fresh.summary.resumed_from == 0);
  REQUIRE_OK_AND_ASSIGN(const SpecialistReport resumed, TrainSpecialist(options, Silent()));
  REQUIRE(resumed.summary.resumed_from == 7);
}

TEST_CASE("Text that cannot be used is refused with its reason", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  struct Case {
    const char* name;
    std::string bytes;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {"latin1.txt", "caf\xe9 au lait\n", "TEXT_NOT_UTF8"},
      {"blank.txt", " \n\n \n", "TEXT_EMPTY"},
      {"short.txt", "only a few words\n", "TOO_LITTLE_TEXT"},
      {"broken.jsonl", "{\"text\":\n", "JSON_INVALID"},
      {"table.csv", "a,b\n", "FILE_TYPE_UNSUPPORTED"},
  };
  for (const Case& bad : cases) {
    INFO(bad.name);
    SpecialistOptions options = Options(directory);
    options.files = {directory.File(bad.name)};
    WriteFile(options.files[0], bad.bytes);
    REQUIRE_STATUS(TrainSpecialist(options, Silent()), absl::StatusCode::kInvalidArgument,
                   bad.reason);
  }
  SpecialistOptions absent = Options(directory);
  REQUIRE_STATUS(TrainSpecialist(absent, Silent()), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
}

TEST_CASE("Little text is warned of, not refused", "[training]") {
  REQUIRE_OK(SetThreads(1));
  const TempDir directory;
  WriteTinyBase(directory.File("base"), 5);
  WriteFile(directory.File("own.jsonl"), Jsonl(1, 30));
  SpecialistOptions options = Options(directory);
  options.hyperparameters.steps = 5;
  options.hyperparameters.warmup_steps = 1;
  std::vector<std::string> warnings;
  REQUIRE_OK(TrainSpecialist(options, Silent(&warnings)));
  REQUIRE_FALSE(warnings.empty());
}

}  // namespace
}  // namespace kalavai::contributor
