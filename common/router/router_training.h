// Training of the router from the probe cache, and the ladder it falls back on (design §3.4).
//
//   ASSIGN_OR_RETURN(const TrainedRouter trained, TrainRouter(router_part, extra, {.seed = seed}));
//   std::vector<RungEvaluation> rungs;
//   for (const RouterParameters& candidate : trained.Ladder()) { … EvaluateRouter on evaluation
//   part … } const LadderChoice choice = ChooseRung(rungs, oracle_loss, CollapseThreshold(…));
//
// (i) ridge from additive statistics, temperature chosen by the filter's loss; (ii) 500 AdamW steps
// on -log p(x) of the filter over W, b and α from that start: every domain has the same number of
// texts in a batch of 2 a domain, a quarter of the texts are spliced from the halves of chunks of
// two domains (log-probability rows and states are joined; the features run on over the joint),
// cosine learning rate. A third of each domain's chunks, the last ones, is held out; (ii) is kept
// only where it beats (i) there. Texts of a public class are a domain like any other, so the base
// can win its own ground.
//
// Bit-repeatable: single-threaded, fixed order, own random numbers; the same inputs, order of
// experts and seed give the same bits. About 2 s on one core for 4 domains × 64 chunks × 256 rows,
// D = 256. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_ROUTER_TRAINING_H_
#define KALAVAI_COMMON_ROUTER_ROUTER_TRAINING_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/router/probe_data.h"
#include "common/router/ridge_prior.h"
#include "common/router/router_parameters.h"

namespace kalavai {

struct RouterTrainingOptions {
  uint64_t seed = 0;
  int steps = 500;                    // the protocol's number
  double learning_rate = 3e-3;        // of W and b, cosine to 0
  double alpha_learning_rate = 2e-2;  // of logit α, cosine to 0
  double weight_decay = 0.01;         // AdamW, on W only
  RidgeOptions ridge = {};
  double alpha = kGateAlpha;  // start, and of the ridge rung
  double eta = kGateEta;
};

struct TrainingStep {
  int step = 0;           // 1 … steps
  double batch_loss = 0;  // nats/token, before the update
  double alpha = 0;       // after the update
};

struct TrainedRouter {
  RouterParameters ridge = {};
  RouterParameters trained = {};
  bool trained_kept = false;       // whether (ii) beats (i) on the held-out third
  std::string reason = {};         // in words, with both losses
  double ridge_held_out_loss = 0;  // nats/token; three parts pure texts, one part spliced
  double trained_held_out_loss = 0;
  double temperature = 0;  // of the ridge rung
  std::vector<int> domain_expert =
      {};  // [domains] best on the two thirds learned from: the targets
  std::vector<TrainingStep> trajectory = {};

  const RouterParameters& kept() const { return trained_kept ? trained : ridge; }
  // The ladder in order: trained (if kept), ridge, uniform.
  std::vector<RouterParameters> Ladder() const;
};

// `data` is the router part, valid (ValidateProbeData); every domain has at least three chunks.
// `members` are classes without probe text, in member order. InvalidArgument PROBE_CACHE_INVALID:
// too few chunks of a domain or rows of a chunk; errors of SolveRidge.
absl::StatusOr<TrainedRouter> TrainRouter(const ProbeData& data,
                                          std::span<const RidgeClass> members,
                                          const RouterTrainingOptions& options = {});

// Mean loss of a router over texts spliced from every ordered pair of domains, `per_pair` texts a
// pair, in nats/token; with one domain the pure loss. For reports: how well it follows a change of
// subject.
double EvaluateSpliced(const RouterParameters& parameters, const ProbeData& data, int per_pair);

// A rung as it did on the evaluation part.
struct RungEvaluation {
  RouterRung rung = RouterRung::kUniform;
  double equal_weight_loss = 0;
};

struct LadderChoice {
  int index = 0;            // into the rungs
  bool collapsed = false;   // even the chosen one, the last, has collapsed
  std::string reason = {};  // which rungs collapsed, with figures; empty if the first is taken
};

// The first rung that has not collapsed (loss - oracle_loss <= collapse_threshold, which is
// CollapseThreshold of common/forecast/loss_matrix.h), else the last. `rungs` is not empty.
LadderChoice ChooseRung(std::span<const RungEvaluation> rungs, double oracle_loss,
                        double collapse_threshold);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_TRAINING_H_
