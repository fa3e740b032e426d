// Training of the router from the probe cache, and the choice between its rungs (design §3.4).
//
//   ASSIGN_OR_RETURN(const TrainedRouter trained, TrainRouter(router_part, members, {.seed = s}));
//   std::vector<RungEvaluation> rungs;
//   for (const RouterParameters& candidate : trained.Ladder()) { … EvaluateRouter on evaluation
//   part … }
//   const LadderChoice choice = ChooseRung(rungs, trained.kept_rung, oracle_loss, threshold);
//
// (i) ridge from additive statistics, temperature chosen by the filter's loss; (ii) 500 AdamW steps
// on -log p(x) of the filter over W, b and α from that start: every domain has the same number of
// texts in a batch of 2 a domain, a quarter of the texts are spliced from the halves of chunks of
// two domains (log-probability rows and states are joined; the features run on over the joint),
// cosine learning rate. Texts of a public class are a domain like any other, so the base can win
// its own ground.
//
// A third of each domain's chunks, the last ones, is held out and decides: the uniform router
// (α = 0.003, nothing learned) is kept unless ridge is better there by more than one standard error
// of the paired differences, and what is kept so far is given up for the trained router under the
// same condition (router_ladder.h).
//
// Bit-repeatable: every sum in a fixed order, own random numbers; the same inputs, order of
// experts and seed give the same bits, on any number of threads. 6 s of one core for 21
// domains of 32 kB, 21 experts and 96 features (docs/benchmarks/2026-11-23-twenty-members.md).
// Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_ROUTER_TRAINING_H_
#define KALAVAI_COMMON_ROUTER_ROUTER_TRAINING_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/router/probe_data.h"
#include "common/router/ridge_prior.h"
#include "common/router/router_ladder.h"
#include "common/router/router_parameters.h"

namespace kalavai {

inline constexpr int kRouterProgressSteps = 10;

struct RouterTrainingOptions {
  uint64_t seed = 0;
  int steps = 500;                    // the protocol's number
  double learning_rate = 3e-3;        // of W and b, cosine to 0
  double alpha_learning_rate = 2e-2;  // of logit α, cosine to 0
  double weight_decay = 0.01;         // AdamW, on W only
  RidgeOptions ridge = {};
  double alpha = kGateAlpha;  // start, and of the ridge rung
  double eta = kGateEta;
  int threads = 1;  // the result is the same for any number
  // Called after every kRouterProgressSteps steps; a status ends the training and is returned.
  std::function<absl::Status(int64_t steps_done)> progress = {};
};

struct TrainingStep {
  int step = 0;           // 1 … steps
  double batch_loss = 0;  // nats/token, before the update
  double alpha = 0;       // after the update
};

struct TrainedRouter {
  RouterParameters ridge = {};
  RouterParameters trained = {};
  // Why there is no ridge prior, and so nothing trained; empty: there is. Then both are uniform.
  std::string no_ridge_reason = {};
  RouterRung kept_rung = RouterRung::kUniform;  // by the held-out third
  std::string reason = {};                      // in words, with all losses and margins
  // nats/token; three parts pure texts, one part spliced. Trained: NaN if a step has overflowed.
  double trained_held_out_loss = 0;
  double ridge_held_out_loss = 0;
  double uniform_held_out_loss = 0;
  double temperature = 0;  // of the ridge rung
  // [domains] best on the two thirds learned from: the targets.
  std::vector<int> domain_expert = {};
  std::vector<TrainingStep> trajectory = {};

  RouterParameters kept() const;
  double HeldOutLoss(RouterRung rung) const;
  // All rungs in order: trained, ridge, uniform. Trained is left out if a step has overflowed, both
  // where there is no ridge prior.
  std::vector<RouterParameters> Ladder() const;
};

// `data` is the router part, valid (ValidateProbeData); every domain has at least three chunks.
// `members` are classes without probe text, in member order. InvalidArgument PROBE_CACHE_INVALID:
// too few chunks of a domain or rows of a chunk; errors of SolveRidge except ROUTER_INVALID, which
// leaves the uniform router; what `progress` returned.
absl::StatusOr<TrainedRouter> TrainRouter(const ProbeData& data,
                                          std::span<const RidgeClass> members,
                                          const RouterTrainingOptions& options = {});

// Mean loss of a router over texts spliced from every ordered pair of domains, `per_pair` texts a
// pair at most, in nats/token; with one domain the pure loss. For reports: how well it follows a
// change of subject.
double EvaluateSpliced(const RouterParameters& parameters, const ProbeData& data, int per_pair);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_TRAINING_H_
