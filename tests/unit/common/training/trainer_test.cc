// Goal: training learns, repeats, resumes as if it had not stopped, and never returns something
// worse than it was given.
// Method: a tiny model on an invented language; runs compared bit by bit; a learning rate that
// destroys the weights.
#include "common/training/trainer.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/model/determinism.h"
#include "common/model/weights.h"
#include "common/training/dataset.h"
#include "common/training/training_state.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

using testing::TempDir;

struct Setting {
  Transformer base;
  Dataset data;

  Transformer Base() const {  // a copy to train
    REQUIRE_OK_AND_ASSIGN(Transformer copy, base.Clone());
    return copy;
  }
  TrainingChunks chunks() const {
    return {.train = {.tokens = data.train.tokens, .chunk_length = 32},
            .held_out = {.tokens = data.held_out.tokens, .chunk_length = 32}};
  }
};

Setting Prepare(const TempDir& directory) {
  REQUIRE_OK(SetThreads(1));
  testing::WriteTinyBase(directory.File("base"), 5);
  REQUIRE_OK_AND_ASSIGN(const auto tokenizer,
                        Tokenizer::Load(directory.File("base/tokenizer.json")));
  std::vector<Document> documents = DocumentsOfText(testing::TinyText(1, 200));
  for (int i = 0; i < 120; ++i) {
    documents.push_back(
        MakeDocument(testing::TinyText(1, 200).substr(static_cast<size_t>(i) * 150, 400)));
  }
  Setting setting;
  REQUIRE_OK_AND_ASSIGN(
      setting.data,
      BuildDataset(*tokenizer, documents,
                   {.chunk_tokens = 32, .train_chunks_max = 160, .held_out_chunks_max = 8}));
  REQUIRE_OK_AND_ASSIGN(setting.base, LoadTransformer(directory.File("base"), {}));
  return setting;
}

TrainerOptions Options() {
  TrainerOptions options;
  options.hyperparameters = {
      .learning_rate = 5e-3, .warmup_steps = 4, .steps = 40, .micro_batch = 4};
  options.precision = Precision::kFloat32;
  options.batch = 4;
  options.evaluate_at = {10, 20, 30, 40};
  options.binding = std::string(64, 'c');
  return options;
}

void RequireSameBits(const Transformer& a, const Transformer& b) {
  REQUIRE(a.parameters.size() == b.parameters.size());
  for (const auto& [name, tensor] : a.parameters) {
    INFO(name);
    REQUIRE(at::equal(tensor, b.parameters.at(name)));
  }
}

TEST_CASE("Training lowers the held-out loss, and the same seed gives the same bits",
          "[training]") {
  const TempDir directory;
  const Setting setting = Prepare(directory);
  REQUIRE_OK_AND_ASSIGN(const TrainingResult first,
                        Train(setting.Base(), setting.chunks(), Options(), nullptr));
  REQUIRE(first.summary.steps == 40);
  REQUIRE(first.summary.curve.size() == 5);
  REQUIRE(first.summary.best_loss < 0.8 * first.summary.curve.front().loss);
  REQUIRE_OK_AND_ASSIGN(const TrainingResult second,
                        Train(setting.Base(), setting.chunks(), Options(), nullptr));
  RequireSameBits(first.model, second.model);
  TrainerOptions other = Options();
  other.seed = 2;
  REQUIRE_OK_AND_ASSIGN(const TrainingResult third,
                        Train(setting.Base(), setting.chunks(), other, nullptr));
  REQUIRE_FALSE(at::equal(first.model.embed_out_VD, third.model.embed_out_VD));
}

TEST_CASE("An interrupted run resumes to the bits of the uninterrupted one", "[training]") {
  const TempDir directory;
  const Setting setting = Prepare(directory);
  REQUIRE_OK_AND_ASSIGN(const TrainingResult whole,
                        Train(setting.Base(), setting.chunks(), Options(), nullptr));
  for (const int64_t stop : {1, 10, 23}) {
    TrainerOptions options = Options();
    options.state_path = directory.File("state" + std::to_string(stop));
    const TrainingObserver interrupt = [stop](const TrainingProgress& now) -> absl::Status {
      return now.step == stop ? absl::CancelledError("stop") : absl::OkStatus();
    };
    REQUIRE(Train(setting.Base(), setting.chunks(), options, interrupt).status().code() ==
            absl::StatusCode::kCancelled);
    REQUIRE_OK_AND_ASSIGN(const TrainingResult resumed,
                          Train(setting.Base(), setting.chunks(), options, nullptr));
    REQUIRE(resumed.summary.resumed_from == stop);
    REQUIRE(resumed.summary.best_loss == whole.summary.best_loss);
    REQUIRE(resumed.summary.curve.size() == whole.summary.curve.size());
    RequireSameBits(resumed.model, whole.model);
  }
}

TEST_CASE("A pilot is the beginning of the whole run", "[training]") {
  const TempDir directory;
  const Setting setting = Prepare(directory);
  TrainerOptions options = Options();
  REQUIRE_OK_AND_ASSIGN(const TrainingResult whole,
                        Train(setting.Base(), setting.chunks(), options, nullptr));
  options.state_path = directory.File("state");
  options.stop_at = 20;
  REQUIRE_OK_AND_ASSIGN(const TrainingResult pilot,
                        Train(setting.Base(), setting.chunks(), options, nullptr));
  REQUIRE(pilot.summary.steps == 20);
  REQUIRE(pilot.summary.curve.back().loss == whole.summary.curve[2].loss);
  options.stop_at = 0;
  REQUIRE_OK_AND_ASSIGN(const TrainingResult rest,
                        Train(setting.Base(), setting.chunks(), options, nullptr));
  REQUIRE(rest.summary.resumed_from == 20);
  RequireSameBits(rest.model, whole.model);
}

// Chunks of ordinary tokens, and one chunk with token 40, whose embedding is broken.
struct Broken {
  Transformer base;
  std::vector<int32_t> train;
  std::vector<int32_t> held_out;

  TrainingChunks chunks() const {
    return {.train = {.tokens = train, .chunk_length = 8},
            .held_out = {.tokens = held_out, .chunk_length = 8}};
  }
};

Broken MakeBroken(const Setting& setting) {
  Broken broken;
  for (int32_t i = 0; i < 10 * 8; ++i) broken.train.push_back(i % 7);
  for (int32_t i = 0; i < 2 * 8; ++i) broken.held_out.push_back(i % 5);
  broken.train[3 * 8 + 4] = 40;
  const auto clone = setting.base.Clone();
  REQUIRE_OK(clone);
  broken.base = *clone;
  broken.base.embed_in_VD[40].fill_(std::numeric_limits<float>::quiet_NaN());
  return broken;
}

TEST_CASE("A batch without a finite loss is undone and skipped", "[training]") {
  const TempDir directory;
  const Broken broken = MakeBroken(Prepare(directory));
  TrainerOptions options = Options();
  options.hyperparameters.steps = 18;
  options.batch = 1;
  options.evaluate_at = {9};
  const auto whole = Train(broken.base, broken.chunks(), options, nullptr);
  REQUIRE_OK(whole);
  REQUIRE(whole->summary.steps == 18);
  REQUIRE(whole->summary.undone_steps == 2);  // once in each of two passes over ten chunks
  REQUIRE(std::isfinite(whole->summary.best_loss));
  REQUIRE(whole->summary.best_loss < whole->summary.curve.front().loss);
  for (const auto& [name, tensor] : whole->model.parameters) {
    INFO(name);
    if (name != "gpt_neox.embed_in.weight") REQUIRE(at::isfinite(tensor).all().item<bool>());
  }
}

TEST_CASE("Three such batches in a row end the run, and the saved state stays good", "[training]") {
  const TempDir directory;
  Broken broken = MakeBroken(Prepare(directory));
  TrainerOptions options = Options();
  options.state_path = directory.File("state");
  options.evaluate_at = {};
  options.batch = 10;  // every batch holds the broken chunk
  REQUIRE_STATUS(Train(broken.base, broken.chunks(), options, nullptr),
                 absl::StatusCode::kOutOfRange, "TRAINING_NOT_FINITE");
  REQUIRE_STATUS(LoadTrainingState(options.state_path, options.binding),
                 absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
  // A base that is broken for the held-out text is refused before the first step.
  broken.held_out[3] = 40;
  REQUIRE_STATUS(Train(broken.base, broken.chunks(), options, nullptr),
                 absl::StatusCode::kOutOfRange, "TRAINING_NOT_FINITE");
}

TEST_CASE("Training that only makes the model worse returns what it was given", "[training]") {
  const TempDir directory;
  const Setting setting = Prepare(directory);
  TrainerOptions options = Options();
  options.hyperparameters.learning_rate = 1.0;
  options.hyperparameters.steps = 8;
  options.hyperparameters.warmup_steps = 0;
  options.evaluate_at = {2, 4, 6, 8};
  options.patience = 2;
  REQUIRE_OK_AND_ASSIGN(const TrainingResult result,
                        Train(setting.Base(), setting.chunks(), options, nullptr));
  REQUIRE(result.summary.best_step == 0);
  REQUIRE(result.summary.stopped_early);
  REQUIRE(result.summary.steps == 4);
  RequireSameBits(result.model, setting.base);
}

TEST_CASE("Nonsense is refused before the first step", "[training]") {
  const TempDir directory;
  const Setting setting = Prepare(directory);
  TrainerOptions options = Options();
  options.batch = 0;
  REQUIRE_STATUS(Train(setting.Base(), setting.chunks(), options, nullptr),
                 absl::StatusCode::kInvalidArgument, "HYPERPARAMETERS_INVALID");
  REQUIRE_STATUS(Train(setting.Base(), {}, Options(), nullptr), absl::StatusCode::kInvalidArgument,
                 "TOO_LITTLE_TEXT");
}

}  // namespace
}  // namespace kalavai
