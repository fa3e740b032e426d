// Every figure of a fusion, from the probe caches, the router and, where logits are mixed, what
// their pass measured: pure arithmetic (design §2, §3.7).
//
// Two sets of domains. *Counted*: the cooperative's domains; EW, gain, oracle, credit and the
// predictors average over them with equal weight. *Public*: text of the base's own ground; reported
// and guarded, never averaged, because it belongs to no member.
//
// Predictions are made on the router part of the probe text and compared with what was realised on
// the evaluation part: a forecast may not see what it forecasts.
// The fused model is what its mixture makes of the gate's weights; the gate itself, its held-out
// losses and the uniform mixture are of probabilities in both.
// Deterministic: equal inputs give equal bits. Values own their data. Pure functions, any thread.
// Errors: those of ValidateProbeData, EvaluateRouter, ValidateLossMatrix and the bootstraps;
// FAILED_PRECONDITION PROBE_TEXT_MISSING when no domain is counted.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_FIGURES_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_FIGURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/forecast/credit.h"
#include "common/forecast/estimate.h"
#include "common/forecast/line.h"
#include "common/forecast/loss_matrix.h"
#include "common/probe/logit_pass.h"
#include "common/router/probe_data.h"
#include "common/router/router_ladder.h"
#include "common/router/router_parameters.h"
#include "common/router/router_texts.h"

namespace kalavai::coordinator {

// A fused model may be worse than the better of base and best single specialist on a domain by this
// share before a release needs a reason (design §3.8).
inline constexpr double kGuardTolerance = 0.005;

// What a model, a mixture or an oracle loses, nats/token.
struct DomainLosses {
  std::vector<double> by_domain;  // [D], counted and public
  double equal_weight = 0;        // over the counted domains
};

// Loss by how much of a chunk was read before, over the counted domains.
struct PositionBucket {
  int64_t begin = 0;  // first row
  int64_t end = 0;    // one past the last
  double fused = 0;   // nats/token
  double oracle = 0;
};

// What the gate does on a text that changes its subject: the first half of one chunk of the
// evaluation part, then the second half of another's.
struct SplicedExample {
  std::string first;           // domain
  std::string second;          // domain, of another expert
  int64_t change = 0;          // the row from which the second speaks
  std::vector<float> weights;  // [rows][n]
};

// The better of base and best single specialist on a domain, and how far the fused model is above
// it.
struct GuardFinding {
  double reference = 0;       // nats/token
  double excess_percent = 0;  // negative when the fused model is better
  bool met = false;
};

struct FusionOutcome {
  std::vector<std::string> domains;   // D
  std::vector<uint8_t> public_class;  // [D]
  std::vector<int64_t> tokens;        // [D] predictions on the evaluation part
  std::vector<int64_t> chunks;        // [D] evaluation chunks

  std::vector<DomainLosses> experts;  // [n], the base first
  DomainLosses uniform;
  std::optional<DomainLosses> weight_average = {};  // unless it was left out
  DomainLosses oracle;                              // the domain known
  DomainLosses token_oracle;  // every token by its best expert: mostly luck, no gate can reach it
  DomainLosses fused;
  std::vector<DomainLosses> references;    // beside the mixture, no part of it
  std::vector<std::vector<double>> share;  // [D][n] mean gate weight

  int best_specialist = 1;  // expert with the lowest EW among specialists
  Divergence divergence;    // on the evaluation part
  double gain_percent = 0;
  double oracle_gain_percent = 0;
  std::optional<double> efficiency = {};
  double collapse_threshold_nats = 0;
  bool collapsed = false;
  std::vector<GuardFinding> guard;  // [D]
  bool guard_met = false;
  std::vector<PositionBucket> positions;
  double spliced_loss =
      0;  // nats/token, texts of every ordered pair of counted domains; 0: one domain
  double spliced_oracle = 0;  // the same, each half by its domain's oracle
  std::optional<SplicedExample> spliced_example =
      {};  // none: no two domains have different experts

  // From the router part.
  std::optional<double> predicted_divergence_percent = {};
  std::optional<LinePrediction> line = {};
  std::optional<Estimate> coverage = {};
  Estimate oracle_forecast;

  Credit credit_nats;
  Credit credit_percent;

  LossMatrix matrix;  // counted domains, evaluation part

  // The router that was kept.
  RouterParameters router;
  std::vector<RungEvaluation> ladder;  // on the counted domains of the evaluation part
  LadderChoice choice;
};

struct FiguresInput {
  const ProbeData* router_part = nullptr;      // valid
  const ProbeData* evaluation_part = nullptr;  // valid; same experts and domains
  std::vector<uint8_t> public_class;           // [D]
  std::vector<std::string> expert_labels;      // [n], unique, the base first
  std::vector<std::string> expert_domains;     // [n], "" for the base
  // [D] on the evaluation part, nats/token; empty: not measured.
  std::vector<double> weight_average_loss = {};
  std::vector<std::vector<double>> reference_loss = {};  // [references][D], likewise
  // All rungs, complex ones first (TrainedRouter::Ladder()), each evaluated for the report, and the
  // one that the held-out third chose. Of that and the simpler ones, the first that has not
  // collapsed on the evaluation part is kept.
  std::vector<RouterParameters> ladder;
  RouterRung kept_rung = RouterRung::kUniform;
  int threads = 1;                          // the figures are the same for any number
  Mixture mixture = Mixture::kProbability;  // of the fused model
  // A logit mixture's, which only a pass can measure (common/probe/logit_pass.h): log p of every
  // row of JudgedTexts under each rung, [ladder x texts][T], rung by rung.
  std::vector<std::vector<float>> logit_log_prob = {};
};

// The texts of the evaluation part that a mixture is judged on: every chunk, in the order of the
// data, then the spliced ones. Reads the evaluation part and public_class only.
std::vector<TextSource> JudgedTexts(const FiguresInput& input);
// The same, each with the weights of each rung, rung by rung: what the pass of a logit mixture
// mixes with.
absl::StatusOr<std::vector<WeighedText>> WeighJudgedTexts(const FiguresInput& input);

absl::StatusOr<FusionOutcome> ComputeFigures(const FiguresInput& input);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_FIGURES_H_
