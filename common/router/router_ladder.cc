#include "common/router/router_ladder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/check.h"

namespace kalavai {
namespace {

constexpr double kSplicedShare = 0.25;
constexpr int kSplicesPerPair = 8;
constexpr size_t kSplicedTexts = 1024;

}  // namespace

std::vector<TextSource> SpliceAll(const std::vector<std::vector<int64_t>>& chunks, int per_pair) {
  std::vector<TextSource> texts;
  for (size_t a = 0; a < chunks.size(); ++a) {
    for (size_t b = 0; b < chunks.size(); ++b) {
      if (a == b) continue;
      // Both indices go round; before the longer list has gone round no pair of chunks returns.
      const size_t distinct = std::max(chunks[a].size(), chunks[b].size());
      const size_t count = std::min(distinct, static_cast<size_t>(per_pair));
      for (size_t k = 0; k < count; ++k) {
        texts.push_back({chunks[a][k % chunks[a].size()], chunks[b][(k + 1) % chunks[b].size()]});
      }
    }
  }
  return texts;
}

int SplicesPerPair(size_t domains, int most) {
  if (domains < 2) return most;
  const size_t fair = kSplicedTexts / (domains * (domains - 1));
  return static_cast<int>(std::clamp(fair, size_t{1}, static_cast<size_t>(most)));
}

WeightedTexts JudgingTexts(const std::vector<std::vector<int64_t>>& chunks) {
  WeightedTexts texts;
  const std::vector<TextSource> spliced =
      SpliceAll(chunks, SplicesPerPair(chunks.size(), kSplicesPerPair));
  const double pure_share = spliced.empty() ? 1 : 1 - kSplicedShare;
  for (const std::vector<int64_t>& domain : chunks) {
    for (const int64_t chunk : domain) {
      texts.source.push_back({chunk, chunk});
      texts.weight.push_back(pure_share / static_cast<double>(domain.size() * chunks.size()));
    }
  }
  for (const TextSource& source : spliced) {
    texts.source.push_back(source);
    texts.weight.push_back(kSplicedShare / static_cast<double>(spliced.size()));
  }
  return texts;
}

PairedComparison ComparePaired(const std::vector<std::vector<int64_t>>& chunks,
                               const WeightedTexts& texts, std::span<const double> simple,
                               std::span<const double> complex) {
  KALAVAI_CHECK(simple.size() == texts.source.size() && complex.size() == texts.source.size(),
                "one loss a text");
  PairedComparison result;
  std::map<int64_t, double> influence;
  for (size_t k = 0; k < texts.source.size(); ++k) {
    const double difference = texts.weight[k] * (complex[k] - simple[k]);
    const auto [first, second] = texts.source[k];
    result.difference += difference;
    influence[first] += difference;
    if (second != first) influence[second] += difference;
  }
  double variance = 0;
  for (const std::vector<int64_t>& domain : chunks) {
    const double count = static_cast<double>(domain.size());
    double mean = 0;
    for (const int64_t chunk : domain) mean += influence[chunk] / count;
    if (domain.size() < 2) mean = 0;
    double squares = 0;
    for (const int64_t chunk : domain) {
      squares += (influence[chunk] - mean) * (influence[chunk] - mean);
    }
    variance += squares * (domain.size() < 2 ? 1 : count / (count - 1));
  }
  result.standard_error = std::sqrt(variance);
  return result;
}

LadderChoice ChooseRung(std::span<const RungEvaluation> rungs, RouterRung kept, double oracle_loss,
                        double collapse_threshold) {
  const auto holds = [kept](const RungEvaluation& each) { return each.rung == kept; };
  KALAVAI_CHECK(std::any_of(rungs.begin(), rungs.end(), holds), "the ladder holds the kept rung");
  LadderChoice choice;
  choice.collapsed = true;
  double least = std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < rungs.size(); ++k) {
    if (rungs[k].rung < kept) continue;
    const double loss = rungs[k].equal_weight_loss;
    const double gap = loss - oracle_loss;
    if (gap <= collapse_threshold) {  // NaN is a collapse
      choice.index = static_cast<int>(k);
      choice.collapsed = false;
      break;
    }
    if (loss <= least || std::isinf(least)) {  // where none has a loss, the last
      choice.index = static_cast<int>(k);
      if (loss <= least) least = loss;
    }
    absl::StrAppend(&choice.reason, choice.reason.empty() ? "" : "; ",
                    absl::StrFormat("the %s router collapsed: %.4f nats above the oracle, %.4f "
                                    "allowed",
                                    RouterRungName(rungs[k].rung), gap, collapse_threshold));
  }
  return choice;
}

}  // namespace kalavai
