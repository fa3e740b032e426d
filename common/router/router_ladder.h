// Which rung of the ladder serves: trained, ridge or uniform (design §3.4).
//
// The more complex rung has to earn its place twice. On the held-out third of the router part,
// ComparePaired sets it against the simpler one, text by text: it is kept only where its mean loss
// is lower by more than one standard error of the paired differences, so that noise never buys
// complexity. On the evaluation part, ChooseRung passes over rungs that have collapsed.
//
// Values own their data. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_ROUTER_ROUTER_LADDER_H_
#define KALAVAI_COMMON_ROUTER_ROUTER_LADDER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/router/router_parameters.h"
#include "common/router/router_texts.h"

namespace kalavai {

// Texts to judge a router on; the weights sum to 1.
struct WeightedTexts {
  std::vector<TextSource> source = {};
  std::vector<double> weight = {};
};

// Texts spliced from every ordered pair of domains; chunks [domains][…] are indices into the data.
// The same number of each pair, at most `per_pair`; none twice.
std::vector<TextSource> SpliceAll(const std::vector<std::vector<int64_t>>& chunks, int per_pair);

// `most`, or fewer where many domains have many pairs: about a thousand spliced texts judge as well
// as ten thousand, and with twenty domains the judging would cost more than the training.
int SplicesPerPair(size_t domains, int most);

// Every chunk whole, domains alike, and spliced texts, which weigh a quarter in all when there are
// two domains or more.
WeightedTexts JudgingTexts(const std::vector<std::vector<int64_t>>& chunks);

struct PairedComparison {
  double difference = 0;      // mean loss of the more complex rung minus the simpler one's
  double standard_error = 0;  // of the difference

  // False when a loss is NaN: NaN compares with nothing.
  bool ComplexWins() const { return difference < -standard_error; }
};

// `simple` and `complex`: loss of each text, nats/token, in the order of `texts`, which were made
// from `chunks`. The sampling unit is the chunk, because spliced texts share chunks: a chunk's
// influence u_c is the weighted difference of all texts it is part of, and the squared error is
// Σ_d n_d / (n_d - 1) Σ_(c in d) (u_c - mean_d u)² over the domains d of n_d chunks (infinitesimal
// jackknife, stratified). A domain with one chunk has no spread: all of its influence counts as
// error.
PairedComparison ComparePaired(const std::vector<std::vector<int64_t>>& chunks,
                               const WeightedTexts& texts, std::span<const double> simple,
                               std::span<const double> complex);

// A rung as it did on the evaluation part.
struct RungEvaluation {
  RouterRung rung = RouterRung::kUniform;
  double equal_weight_loss = 0;  // nats/token
};

struct LadderChoice {
  int index = 0;            // into the rungs
  bool collapsed = false;   // all have, the chosen one too
  std::string reason = {};  // which rungs collapsed, with figures; empty if `kept` is taken
};

// The first rung, from `kept` on, that has not collapsed (loss - oracle_loss <= collapse_threshold,
// which is CollapseThreshold of common/forecast/loss_matrix.h); when all have, the one of least
// loss, of equal ones the simplest. `rungs` go from complex to simple and hold `kept`; those before
// it lost on the held-out third and are passed over.
LadderChoice ChooseRung(std::span<const RungEvaluation> rungs, RouterRung kept, double oracle_loss,
                        double collapse_threshold);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_ROUTER_LADDER_H_
