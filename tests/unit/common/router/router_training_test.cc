// Goal: training repeats bit for bit, is kept only where it wins, and the gate comes near the
// oracle. Method: synthetic probe passes (synthetic_probe.h) with and without a signal in the
// states.
#include "common/router/router_training.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/router/gate_evaluation.h"
#include "tests/support/catch.h"
#include "tests/unit/common/router/synthetic_probe.h"

namespace kalavai {
namespace {

TEST_CASE("The same inputs and seed give the same bits", "[router]") {
  const testing::SyntheticProbe probe({.public_class = true});
  const ProbeData data = probe.Data();
  REQUIRE_OK(ValidateProbeData(data));
  const RouterTrainingOptions options{.seed = 5, .steps = 60};
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter first, TrainRouter(data, {}, options));
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter second, TrainRouter(data, {}, options));
  CHECK(first.trained.weight == second.trained.weight);
  CHECK(first.trained.bias == second.trained.bias);
  CHECK(first.trained.alpha == second.trained.alpha);
  CHECK(first.trained.transform.matrix == second.trained.transform.matrix);
  CHECK(first.trained_held_out_loss == second.trained_held_out_loss);
  CHECK(first.trajectory.size() == 60);
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter other, TrainRouter(data, {}, {.seed = 6, .steps = 60}));
  CHECK(first.trained.weight != other.trained.weight);
  CHECK(first.domain_expert == std::vector<int>{1, 2, 3, 0});
}

TEST_CASE("The bits are the same on any number of threads", "[router]") {
  const testing::SyntheticProbe probe({.members = 4, .rows = 37, .width = 21});
  const ProbeData data = probe.Data();
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter one, TrainRouter(data, {}, {.seed = 5, .steps = 40}));
  for (const int threads : {2, 3, 7}) {
    INFO(threads);
    REQUIRE_OK_AND_ASSIGN(const TrainedRouter many,
                          TrainRouter(data, {}, {.seed = 5, .steps = 40, .threads = threads}));
    CHECK(many.trained.weight == one.trained.weight);
    CHECK(many.trained.bias == one.trained.bias);
    CHECK(many.trained.alpha == one.trained.alpha);
    CHECK(many.trained.transform.matrix == one.trained.transform.matrix);
    CHECK(many.ridge.weight == one.ridge.weight);
    CHECK(many.temperature == one.temperature);
    CHECK(many.reason == one.reason);
    CHECK(many.trained_held_out_loss == one.trained_held_out_loss);
    CHECK(many.uniform_held_out_loss == one.uniform_held_out_loss);
    REQUIRE(many.trajectory.size() == one.trajectory.size());
    for (size_t k = 0; k < one.trajectory.size(); ++k) {
      CHECK(many.trajectory[k].batch_loss == one.trajectory[k].batch_loss);
    }
    const GateEvaluationOptions serial{.keep_token_weights = true};
    const GateEvaluationOptions parallel{.keep_token_weights = true, .threads = threads};
    for (const RouterParameters& router : one.Ladder()) {
      REQUIRE_OK_AND_ASSIGN(const GateEvaluation a, EvaluateRouter(router, data, serial));
      REQUIRE_OK_AND_ASSIGN(const GateEvaluation b, EvaluateRouter(router, data, parallel));
      CHECK(a.chunk_loss == b.chunk_loss);
      CHECK(a.share == b.share);
      CHECK(a.token_weights == b.token_weights);
    }
  }
}

TEST_CASE("Progress comes every ten steps, and its status ends the training", "[router]") {
  const testing::SyntheticProbe probe({});
  std::vector<int64_t> seen;
  RouterTrainingOptions options{.seed = 5, .steps = 35};
  options.progress = [&](int64_t done) {
    seen.push_back(done);
    return absl::OkStatus();
  };
  REQUIRE_OK(TrainRouter(probe.Data(), {}, options));
  CHECK(seen == std::vector<int64_t>{10, 20, 30});
  options.progress = [](int64_t done) {
    return done < 20 ? absl::OkStatus() : absl::CancelledError("enough");
  };
  CHECK(absl::IsCancelled(TrainRouter(probe.Data(), {}, options).status()));
}

TEST_CASE("A rung is kept only where the held-out third says so", "[router]") {
  for (const double signal : {0.0, 0.3, 2.0}) {
    for (const uint64_t seed : {1u, 2u, 3u}) {
      const testing::SyntheticProbe probe(
          {.chunks = 18, .signal = signal, .seed = seed, .public_class = true});
      REQUIRE_OK_AND_ASSIGN(const TrainedRouter router,
                            TrainRouter(probe.Data(), {}, {.seed = 1, .steps = 100}));
      INFO(router.reason);
      if (signal > 1) CHECK(router.kept_rung != RouterRung::kUniform);
      CHECK(router.kept().rung == router.kept_rung);
      const std::vector<RouterParameters> ladder = router.Ladder();
      REQUIRE(ladder.size() == 3);
      for (size_t k = 0; k < 3; ++k) {
        CHECK(ladder[k].rung == static_cast<RouterRung>(k));
        // What is kept may be beaten by noise by a more complex rung, never by a simpler one.
        if (ladder[k].rung > router.kept_rung) {
          CHECK(router.HeldOutLoss(router.kept_rung) < router.HeldOutLoss(ladder[k].rung));
        }
      }
    }
  }
}

// Every expert has a domain, the states say nothing, and α (which can win by itself on spliced
// texts) stays: there is nothing to learn.
TEST_CASE("States without a signal leave the uniform router", "[router]") {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    const testing::SyntheticProbe probe(
        {.chunks = 18, .signal = 0, .seed = seed, .public_class = true});
    REQUIRE_OK_AND_ASSIGN(
        const TrainedRouter router,
        TrainRouter(probe.Data(), {}, {.seed = 1, .steps = 100, .alpha_learning_rate = 0}));
    INFO(router.reason);
    CHECK(router.kept().rung == RouterRung::kUniform);
    CHECK(router.kept().alpha == kGateAlpha);
    CHECK(router.reason.find("the uniform router is kept") != std::string::npos);
  }
}

TEST_CASE("A training that overflows is left out of the ladder", "[router]") {
  const testing::SyntheticProbe probe({});
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter router,
                        TrainRouter(probe.Data(), {}, {.steps = 3, .learning_rate = 1e308}));
  INFO(router.reason);
  CHECK(router.kept_rung != RouterRung::kTrained);
  CHECK(router.Ladder().size() == 2);
  CHECK(router.Ladder().front().rung == RouterRung::kRidge);
}

TEST_CASE("The router comes near the oracle and follows a change of subject", "[router]") {
  const testing::SyntheticProbe probe({.chunks = 24, .public_class = true});
  const ProbeData all = probe.Data();
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter router, TrainRouter(all, {}, {.seed = 1}));
  REQUIRE_OK_AND_ASSIGN(const GateEvaluation fused, EvaluateRouter(router.trained, all));
  REQUIRE_OK_AND_ASSIGN(const GateEvaluation uniform, EvaluateRouter(UniformRouter(4), all));
  const GateEvaluation oracle = EvaluateDomainOracle(all);
  // What a gate may pay for not being told the domain: ln(n) nats a text.
  CHECK(fused.equal_weight_loss < oracle.equal_weight_loss + 2 * std::log(4) / 64);
  CHECK(0.75 * fused.equal_weight_loss + 0.25 * EvaluateSpliced(router.trained, all, 4) <
        0.75 * uniform.equal_weight_loss + 0.25 * EvaluateSpliced(UniformRouter(4), all, 4));
  CHECK(EvaluateTokenOracle(all).equal_weight_loss < oracle.equal_weight_loss);
  CHECK(EvaluateSpliced(router.trained, all, 4) < EvaluateSpliced(UniformRouter(4), all, 4));
  // The public class is the base's ground.
  CHECK(fused.share[3][0] > 0.5);
}

TEST_CASE("Too little text is refused", "[router]") {
  const testing::SyntheticProbe few({.chunks = 2});
  REQUIRE_STATUS(TrainRouter(few.Data(), {}), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
  const testing::SyntheticProbe brief({.rows = 4});
  REQUIRE_STATUS(TrainRouter(brief.Data(), {}), absl::StatusCode::kInvalidArgument,
                 "PROBE_CACHE_INVALID");
}

TEST_CASE("A member without probe text takes part through its statistics", "[router]") {
  const testing::SyntheticProbe probe({.members = 3});
  ProbeData data = probe.Data();
  // The third domain's text stays at home: only its sums are known.
  ClassStatistics home = EmptyStatistics("at home", data.width);
  for (int64_t c = 24; c < 36; ++c) {
    AddText(data.ChunkHidden(c), kGateHalfLifeTokens, kGateShrinkage, home);
  }
  data.domains.pop_back();
  data.log_prob = data.log_prob.first(24 * 64 * 4);
  data.hidden = data.hidden.first(24 * 64 * 12);
  data.domain = data.domain.first(24);
  data.chunk = data.chunk.first(24);
  REQUIRE_OK(ValidateProbeData(data));
  const std::vector<RidgeClass> members = {{&home, 3}};
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter router,
                        TrainRouter(data, members, {.seed = 1, .steps = 20}));
  REQUIRE_OK_AND_ASSIGN(const GateEvaluation fused, EvaluateRouter(router.ridge, probe.Data()));
  CHECK(fused.share[2][3] > 0.8);
}

TEST_CASE("Where no ridge prior can be solved the uniform router serves, and says why",
          "[router]") {
  const testing::SyntheticProbe probe({.public_class = true});
  const ProbeData data = probe.Data();
  // Symmetric sums with a fine diagonal whose mean over the classes is indefinite.
  ClassStatistics forged = EmptyStatistics("forged", data.width);
  forged.count = 1000;
  forged.chunks = 1000;
  const size_t size = forged.sum.size();
  for (size_t i = 0; i < size; ++i) forged.product[i * size + i] = 1e9;
  forged.product[1] = forged.product[size] = 1e12;
  forged.sum[size - 1] = 500;
  const RidgeClass member{.statistics = &forged, .expert = 1};
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter router,
                        TrainRouter(data, {&member, 1}, {.seed = 5, .steps = 10}));
  CHECK_FALSE(router.no_ridge_reason.empty());
  CHECK(router.kept_rung == RouterRung::kUniform);
  CHECK(router.reason.find(router.no_ridge_reason) != std::string::npos);
  REQUIRE(router.Ladder().size() == 1);
  CHECK(router.Ladder()[0].rung == RouterRung::kUniform);
  CHECK(router.trajectory.empty());
  REQUIRE_OK_AND_ASSIGN(const TrainedRouter sound, TrainRouter(data, {}, {.seed = 5, .steps = 10}));
  CHECK(sound.no_ridge_reason.empty());
  CHECK(sound.uniform_held_out_loss == router.uniform_held_out_loss);
}

}  // namespace
}  // namespace kalavai
