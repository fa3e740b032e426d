// Goal: a fusion moves only along its states, a cooperative runs one at a time, and what it
// measured comes back. Method: a real database; every move tried from the wrong state.
#include "coordinator/fusion/fusion_store.h"

#include <limits>

#include "absl/strings/str_cat.h"

#include "tests/unit/coordinator/fusion/fusion_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("A fusion comes back as it was created, experts in their order", "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  FusionRecord record = QueuedFusion("f");
  record.seed = std::numeric_limits<uint64_t>::max();  // as many bits as the column has
  record.mixture = Mixture::kLogit;
  REQUIRE_OK(store.Create(record));
  REQUIRE_OK_AND_ASSIGN(const FusionRecord back, store.Get(record.name));
  CHECK(back.mixture == Mixture::kLogit);
  CHECK(back.seed == record.seed);
  CHECK(back.steps == record.steps);
  CHECK(back.experts == record.experts);
  CHECK(back.input_json == record.input_json);
  CHECK(back.state == FusionState::kQueued);
  CHECK_FALSE(back.figures.has_value());
  CHECK_FALSE(back.end_time.has_value());
  REQUIRE_STATUS(store.Get(FusionName("g")), absl::StatusCode::kNotFound, "FUSION_NOT_FOUND");
}

TEST_CASE("A cooperative runs one fusion at a time, others do not wait for it", "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  REQUIRE_OK(store.Create(QueuedFusion("one")));
  REQUIRE_STATUS(store.Create(QueuedFusion("one")), absl::StatusCode::kAlreadyExists,
                 "FUSION_EXISTS");
  REQUIRE_STATUS(store.Create(QueuedFusion("two")), absl::StatusCode::kAborted, "FUSION_RUNNING");
  FusionRecord other = QueuedFusion("one");
  other.cooperative = "cooperatives/alpine";
  other.name = "cooperatives/alpine/fusions/one";
  REQUIRE_OK(store.Create(other));
  CHECK(store.ListUnfinished().value().size() == 2);
  REQUIRE_OK(store.SetFailed(FusionName("one"), "DISK_FULL", "no space", kNow));
  REQUIRE_OK(store.Create(QueuedFusion("two")));
}

TEST_CASE("A fusion that ended does not move again", "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  REQUIRE_OK(store.Create(QueuedFusion("f")));
  const std::string name = FusionName("f");
  REQUIRE_OK(
      store.SetState(name, FusionState::kProbing, {.done = 1, .total = 3, .unit = "models"}));
  REQUIRE_OK_AND_ASSIGN(const FusionRecord probing, store.Get(name));
  CHECK(probing.state == FusionState::kProbing);
  CHECK(probing.progress.done == 1);
  CHECK(probing.progress.unit == "models");
  REQUIRE_OK(store.SetFailed(name, "DISK_FULL", "no space", kNow));
  REQUIRE_STATUS(store.SetState(name, FusionState::kEvaluating, {}),
                 absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH");
  REQUIRE_STATUS(store.SetSucceeded(name, ExampleFigures(), ExampleLosses(), kNow),
                 absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH");
  REQUIRE_OK(store.SetFailed(name, "INTERNAL", "again", kNow + absl::Hours(1)));
  REQUIRE_OK_AND_ASSIGN(const FusionRecord failed, store.Get(name));
  CHECK(failed.failure_reason == "DISK_FULL");  // the first reason stands
  CHECK(failed.end_time == kNow);
  CHECK_FALSE(failed.figures.has_value());
  REQUIRE_STATUS(store.GetLossMatrix(name), absl::StatusCode::kNotFound, "EVALUATION_MISSING");
}

TEST_CASE("What a fusion measured is what predictions and releases read", "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  REQUIRE_STATUS(store.LatestLossMatrix("cooperatives/nordic"), absl::StatusCode::kNotFound,
                 "EVALUATION_MISSING");
  Succeed(store, "first", ExampleFigures());
  FusionFigures without = ExampleFigures();
  without.divergence_percent = std::nullopt;
  without.guard_met = false;
  Succeed(store, "second", without);
  REQUIRE_OK_AND_ASSIGN(const FusionRecord first, store.Get(FusionName("first")));
  REQUIRE(first.figures.has_value());
  CHECK(first.figures->gain_percent == ExampleFigures().gain_percent);
  CHECK(first.figures->divergence_percent == ExampleFigures().divergence_percent);
  CHECK(first.figures->guard_met);
  CHECK(first.figures->router_digest == ExampleFigures().router_digest);
  REQUIRE_OK_AND_ASSIGN(const auto latest, store.LatestLossMatrix("cooperatives/nordic"));
  CHECK(latest.fusion == FusionName("second"));
  CHECK(latest.losses.domains == ExampleLosses().domains);
  CHECK(latest.losses.tokens == ExampleLosses().tokens);
  CHECK(latest.losses.loss == ExampleLosses().loss);
  CHECK(latest.losses.experts == QueuedFusion("second").experts);
  // Only a known divergence is a point of the line.
  REQUIRE_OK_AND_ASSIGN(const auto finished, store.ListFinished());
  REQUIRE(finished.size() == 1);
  CHECK(finished[0].name == FusionName("first"));
  CHECK(finished[0].specialists == 2);
}

TEST_CASE("A finished fusion is remembered as a point of the line, whatever becomes of it",
          "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  Succeed(store, "f", ExampleFigures());
  REQUIRE_OK(store.Create(QueuedFusion("failed")));
  REQUIRE_OK(store.SetFailed(FusionName("failed"), "IO_ERROR", "disk", kNow));
  for (const char* forbidden :
       {"UPDATE calibration_points SET gain_percent = 99", "DELETE FROM calibration_points",
        "INSERT OR REPLACE INTO calibration_points SELECT sequence, fusion, cooperative, "
        "specialists, divergence_percent, 99, end_time FROM calibration_points"}) {
    INFO(forbidden);
    CHECK_FALSE(fixture.database->Execute(forbidden).ok());
  }
  for (const char* table : {"fusion_losses", "fusion_experts", "fusion_reference_models"}) {
    REQUIRE_OK(fixture.database->Execute(absl::StrCat("DELETE FROM ", table)));
  }
  REQUIRE_OK(fixture.database->Execute("DELETE FROM fusions"));
  REQUIRE_OK_AND_ASSIGN(const auto finished, store.ListFinished());
  REQUIRE(finished.size() == 1);
  CHECK(finished[0].name == FusionName("f"));
  CHECK(finished[0].specialists == 2);
  CHECK(finished[0].divergence_percent == 15);
  CHECK(finished[0].gain_percent == 12.5);
}

TEST_CASE("A fusion done again with the same specialists is one point of the line", "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  FusionFigures again = ExampleFigures();
  again.gain_percent = 12.75;  // another seed
  FusionFigures others = ExampleFigures();
  others.divergence_percent = 16;
  Succeed(store, "first", ExampleFigures());
  Succeed(store, "others", others);
  Succeed(store, "again", again);
  REQUIRE_OK_AND_ASSIGN(const auto finished, store.ListFinished());
  REQUIRE(finished.size() == 2);
  CHECK(finished[0].name == FusionName("others"));
  CHECK(finished[1].name == FusionName("again"));
  CHECK(finished[1].gain_percent == 12.75);
}

TEST_CASE("Fusions are numbered and listed in the order of their creation", "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  for (const char* id : {"fusion-1", "fusion-2", "fusion-3"}) {
    REQUIRE(store.NextId("cooperatives/nordic").value() == id);
    Succeed(store, id, ExampleFigures());
  }
  REQUIRE_OK_AND_ASSIGN(const auto first, store.List("cooperatives/nordic", "", 2));
  REQUIRE(first.size() == 2);
  CHECK(first[0].name == FusionName("fusion-1"));
  REQUIRE_OK_AND_ASSIGN(const auto rest, store.List("cooperatives/nordic", first[1].name, 2));
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].name == FusionName("fusion-3"));
  CHECK(store.ListUnfinished().value().empty());
}

TEST_CASE("Exactly success and failure are final", "[fusion]") {
  for (const auto state : {FusionState::kQueued, FusionState::kProbing,
                           FusionState::kTrainingRouter, FusionState::kEvaluating}) {
    INFO(FusionStateName(state));
    CHECK_FALSE(IsFinal(state));
  }
  CHECK(IsFinal(FusionState::kSucceeded));
  CHECK(IsFinal(FusionState::kFailed));
}

}  // namespace
}  // namespace kalavai::coordinator
