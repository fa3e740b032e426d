// Goal: training computes the reference's gradients and losses, repeats bit for bit, resumes, and
// survives values that are not finite.
// Method: gradients and ten AdamW steps of the reference implementation (tests/golden); runs
// compared with each other bit by bit.
#include "common/model/optimizer_step.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/model/weights.h"
#include "tests/support/catch.h"
#include "tests/unit/common/model/gpt_neox_golden.h"

namespace kalavai {
namespace {

using testing::GoldenModelDir;
using testing::GoldenTensor;
using testing::GoldenTokens;
using testing::RelativeError;

constexpr int64_t kChunk = 24;
constexpr Hyperparameters kGolden = {
    .learning_rate = 0.01, .warmup_steps = 3, .steps = 10, .micro_batch = 2};

std::unique_ptr<OptimizerStep> NewTrainer(const std::string& variant, Hyperparameters h,
                                          Precision precision) {
  auto model = LoadTransformer(GoldenModelDir(variant), {});
  REQUIRE_OK(model);
  auto trainer = OptimizerStep::Create(*model, {h, precision});
  REQUIRE_OK(trainer);
  return *std::move(trainer);
}

// The four chunks of one golden step.
ChunkSpan BatchOf(const std::vector<int32_t>& batches, int64_t step) {
  const size_t size = 4 * kChunk;
  return {std::span(batches).subspan(static_cast<size_t>(step) * size, size), kChunk};
}

void RequireSameBits(const NamedTensors& a, const NamedTensors& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, tensor] : a) {
    INFO(name);
    REQUIRE(at::equal(tensor, b.at(name)));
  }
}

NamedTensors Copied(const NamedTensors& tensors) {
  NamedTensors copies;
  for (const auto& [name, tensor] : tensors) copies[name] = tensor.detach().clone();
  return copies;
}

TEST_CASE("Gradients of all parameters equal the reference's", "[model]") {
  for (const std::string variant : {"parallel", "sequential"}) {
    // beta1 = 0 and no clipping: after one step m is the gradient itself.
    const auto trainer = NewTrainer(
        variant, {.steps = 1, .beta1 = 0.0, .clip = 0.0, .micro_batch = 1}, Precision::kFloat32);
    const std::vector<int32_t> tokens = GoldenTokens(variant, "tokens");
    REQUIRE_OK_AND_ASSIGN(const StepResult result, trainer->Step({tokens, kChunk}));
    REQUIRE_NEAR(result.loss, GoldenTensor(variant, "loss").item<double>(), 1e-5);
    const NamedTensors state = trainer->ExportState();
    for (const auto& [name, tensor] : trainer->model().parameters) {
      INFO(variant << " " << name);
      CHECK(RelativeError(state.at(absl::StrCat("optimizer.m.", name)),
                          GoldenTensor(variant, absl::StrCat("gradient.", name))) < 1e-4);
    }
  }
}

TEST_CASE("Ten training losses and gradient norms equal the reference's", "[model]") {
  for (const std::string variant : {"parallel", "sequential"}) {
    INFO(variant);
    const auto trainer = NewTrainer(variant, kGolden, Precision::kFloat32);
    const std::vector<int32_t> batches = GoldenTokens(variant, "training.batches");
    const at::Tensor losses = GoldenTensor(variant, "training.losses");
    const at::Tensor norms = GoldenTensor(variant, "training.gradient_norms");
    for (int64_t step = 0; step < 10; ++step) {
      REQUIRE_OK_AND_ASSIGN(const StepResult result, trainer->Step(BatchOf(batches, step)));
      REQUIRE_NEAR(result.loss, losses[step].item<double>(), 2e-4);
      REQUIRE_NEAR(result.gradient_norm, norms[step].item<double>(), 2e-3);
      CHECK(result.tokens == 4 * kChunk);
    }
    CHECK(trainer->step() == 10);
  }
}

TEST_CASE("Mixed precision follows float32 and both learn", "[model]") {
  const std::vector<int32_t> batches = GoldenTokens("parallel", "training.batches");
  Hyperparameters h = kGolden;
  h.steps = 60;
  const auto exact = NewTrainer("parallel", h, Precision::kFloat32);
  const auto mixed = NewTrainer("parallel", h, Precision::kMixed);
  double exact_loss = 0.0;
  double mixed_loss = 0.0;
  for (int64_t step = 0; step < h.steps; ++step) {
    REQUIRE_OK_AND_ASSIGN(const StepResult a, exact->Step(BatchOf(batches, 0)));
    REQUIRE_OK_AND_ASSIGN(const StepResult b, mixed->Step(BatchOf(batches, 0)));
    if (step == 0) REQUIRE_NEAR(b.loss, a.loss, 0.05);
    exact_loss = a.loss;
    mixed_loss = b.loss;
  }
  CHECK(exact_loss < 3.0);
  REQUIRE_NEAR(mixed_loss, exact_loss, 0.2);
  for (const auto& [name, tensor] : mixed->model().parameters) {
    CHECK(tensor.scalar_type() == at::kFloat);
  }
}

TEST_CASE("Pure bfloat16 rounds most small updates away", "[model]") {
  const std::vector<int32_t> batches = GoldenTokens("parallel", "training.batches");
  Hyperparameters h = kGolden;
  h.learning_rate = 2e-5;
  h.warmup_steps = 0;
  const auto trainer = NewTrainer("parallel", h, Precision::kPure);
  const NamedTensors before = Copied(trainer->model().parameters);
  for (int64_t step = 0; step < 10; ++step) REQUIRE_OK(trainer->Step(BatchOf(batches, step)));
  int64_t moved = 0;
  int64_t all = 0;
  for (const auto& [name, tensor] : trainer->model().parameters) {
    CHECK(tensor.scalar_type() == at::kBFloat16);
    moved += tensor.ne(before.at(name)).sum().item<int64_t>();
    all += tensor.numel();
  }
  CHECK(moved > 0);
  CHECK(moved * 2 < all);  // with float32 masters every weight moves
}

TEST_CASE("Training repeats bit for bit, and resumes as if it had never stopped", "[model]") {
  const std::vector<int32_t> batches = GoldenTokens("sequential", "training.batches");
  for (const Precision precision : {Precision::kFloat32, Precision::kMixed, Precision::kPure}) {
    const auto first = NewTrainer("sequential", kGolden, precision);
    const auto second = NewTrainer("sequential", kGolden, precision);
    const auto resumed = NewTrainer("sequential", kGolden, precision);
    for (int64_t step = 0; step < 8; ++step) {
      if (step == 4) {
        REQUIRE_OK(resumed->ImportState(Copied(first->model().parameters),
                                        Copied(first->ExportState()), first->step()));
      }
      REQUIRE_OK(first->Step(BatchOf(batches, step)));
      REQUIRE_OK(second->Step(BatchOf(batches, step)));
      if (step >= 4) REQUIRE_OK(resumed->Step(BatchOf(batches, step)));
    }
    RequireSameBits(first->model().parameters, second->model().parameters);
    RequireSameBits(first->model().parameters, resumed->model().parameters);
    RequireSameBits(first->ExportState(), resumed->ExportState());
  }
}

TEST_CASE("Frozen tensors keep their bits and have no optimizer state", "[model]") {
  Hyperparameters h = kGolden;
  h.freeze_depth = 2;
  const auto trainer = NewTrainer("parallel", h, Precision::kMixed);
  const NamedTensors before = Copied(trainer->model().parameters);
  const std::vector<int32_t> batches = GoldenTokens("parallel", "training.batches");
  REQUIRE_OK(trainer->Step(BatchOf(batches, 0)));
  const std::vector<std::string> frozen = FrozenNames(trainer->model().config, 2);
  const NamedTensors state = trainer->ExportState();
  CHECK(frozen.size() == 1 + 2 * 12);
  CHECK(state.size() == 2 * (before.size() - frozen.size()));
  for (const auto& [name, tensor] : trainer->model().parameters) {
    INFO(name);
    const bool is_frozen = std::find(frozen.begin(), frozen.end(), name) != frozen.end();
    CHECK(at::equal(tensor, before.at(name)) == is_frozen);
  }
}

TEST_CASE("A step that is not finite changes nothing", "[model]") {
  const std::vector<int32_t> batches = GoldenTokens("parallel", "training.batches");
  const auto trainer = NewTrainer("parallel", kGolden, Precision::kFloat32);
  REQUIRE_OK(trainer->Step(BatchOf(batches, 0)));
  NamedTensors poisoned = Copied(trainer->model().parameters);
  poisoned.at("gpt_neox.final_layer_norm.bias")[3] = std::numeric_limits<float>::quiet_NaN();
  const NamedTensors state = Copied(trainer->ExportState());
  REQUIRE_OK(trainer->ImportState(poisoned, state, 1));

  REQUIRE_STATUS(trainer->Step(BatchOf(batches, 1)), absl::StatusCode::kOutOfRange,
                 "TRAINING_NOT_FINITE");
  CHECK(trainer->step() == 1);
  RequireSameBits(trainer->ExportState(), state);
  for (const auto& [name, tensor] : trainer->model().parameters) {
    CHECK(at::allclose(tensor, poisoned.at(name), 0.0, 0.0, /*equal_nan=*/true));
  }
}

TEST_CASE("States and settings that do not fit are refused", "[model]") {
  const auto trainer = NewTrainer("parallel", kGolden, Precision::kFloat32);
  const NamedTensors parameters = Copied(trainer->model().parameters);
  const NamedTensors state = Copied(trainer->ExportState());
  const auto invalid = absl::StatusCode::kInvalidArgument;

  NamedTensors short_of_one = state;
  short_of_one.erase(short_of_one.begin());
  REQUIRE_STATUS(trainer->ImportState(parameters, short_of_one, 1), invalid,
                 "TRAINING_STATE_INVALID");
  NamedTensors surplus = state;
  surplus["optimizer.m.other"] = at::zeros({1});
  REQUIRE_STATUS(trainer->ImportState(parameters, surplus, 1), invalid, "TRAINING_STATE_INVALID");
  NamedTensors other_type = state;
  other_type.begin()->second = other_type.begin()->second.to(at::kBFloat16);
  REQUIRE_STATUS(trainer->ImportState(parameters, other_type, 1), invalid,
                 "TRAINING_STATE_INVALID");
  REQUIRE_STATUS(trainer->ImportState(parameters, state, -1), invalid, "TRAINING_STATE_INVALID");

  const std::vector<int32_t> tokens(25, 1);
  REQUIRE_STATUS(trainer->Step({tokens, kChunk}), invalid, "CHUNKS_INVALID");
  Hyperparameters too_deep = kGolden;
  too_deep.freeze_depth = 3;
  REQUIRE_STATUS(OptimizerStep::Create(trainer->model(), {too_deep, Precision::kFloat32}), invalid,
                 "HYPERPARAMETERS_INVALID");
}

}  // namespace
}  // namespace kalavai
