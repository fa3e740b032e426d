#include "common/router/router_training.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/fork_join.h"
#include "common/base/seeded_random.h"
#include "common/base/status_macros.h"
#include "common/router/batch_gradient.h"
#include "common/router/router_ladder.h"
#include "common/router/router_texts.h"
#include "common/router/switching_gate.h"

namespace kalavai {
namespace {

constexpr double kTemperatures[] = {1, 2.5, 5, 10, 20, 40};
constexpr int64_t kSplicedEvery = 4;    // each fourth text of a batch is spliced
constexpr int64_t kTextsPerDomain = 2;  // in a batch
constexpr double kPi = 3.14159265358979323846;

// Chunks by domain: those learned from and those held out.
struct Split {
  std::vector<std::vector<int64_t>> fit = {};
  std::vector<std::vector<int64_t>> held_out = {};
};

absl::StatusOr<Split> SplitChunks(const ProbeData& data) {
  Split split;
  for (const std::vector<int64_t>& chunks : ChunksByDomain(data)) {
    const std::string& name = data.domains[split.fit.size()];
    if (chunks.size() < 3 || data.rows <= kStatisticsStride) {
      return MakeError(
          absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID",
          {.what = absl::StrFormat("domain '%s': %d chunks of %d rows; must be at "
                                   "least 3 of %d",
                                   name, chunks.size(), data.rows, kStatisticsStride + 1),
           .why = "a third is held out to judge the training",
           .fix = "add probe text of this domain, or use the uniform router"});
    }
    const auto cut = chunks.end() - static_cast<std::ptrdiff_t>(chunks.size() / 3);
    split.fit.emplace_back(chunks.begin(), cut);
    split.held_out.emplace_back(cut, chunks.end());
  }
  return split;
}

// Best expert of each domain over the chunks given; the lowest on a tie.
std::vector<int> BestExperts(const ProbeData& data,
                             const std::vector<std::vector<int64_t>>& chunks) {
  const size_t experts = static_cast<size_t>(data.experts);
  std::vector<int> best;
  for (const std::vector<int64_t>& domain : chunks) {
    std::vector<double> total(experts, 0);
    for (const int64_t chunk : domain) {
      const std::span<const float> log_prob = data.ChunkLogProb(chunk);
      for (size_t at = 0; at < log_prob.size(); ++at) {
        total[at % experts] += static_cast<double>(log_prob[at]);
      }
    }
    best.push_back(static_cast<int>(std::max_element(total.begin(), total.end()) - total.begin()));
  }
  return best;
}

double WeightedMean(const WeightedTexts& texts, std::span<const double> losses) {
  double mean = 0;
  for (size_t k = 0; k < losses.size(); ++k) mean += texts.weight[k] * losses[k];
  return mean;
}

// AdamW (Loshchilov & Hutter 2019) on one group of numbers, betas 0.9 and 0.999.
class Adam {
 public:
  explicit Adam(size_t size) : first_(size, 0), second_(size, 0) {}

  void Step(int step, double rate, double decay, std::span<const double> gradient,
            std::span<double> values) {
    const double correct_first = 1 - std::pow(0.9, step);
    const double correct_second = 1 - std::pow(0.999, step);
    for (size_t i = 0; i < values.size(); ++i) {
      first_[i] = 0.9 * first_[i] + 0.1 * gradient[i];
      second_[i] = 0.999 * second_[i] + 0.001 * gradient[i] * gradient[i];
      const double scale = std::sqrt(second_[i] / correct_second) + 1e-8;
      values[i] -= rate * (first_[i] / correct_first / scale + decay * values[i]);
    }
  }

 private:
  std::vector<double> first_;
  std::vector<double> second_;
};

// Works on one data set: statistics, ridge, the steps, judging.
class Trainer {
 public:
  Trainer(const ProbeData& data, const RouterTrainingOptions& options, Split split)
      : data_(data), options_(options), split_(std::move(split)), workers_(options.threads) {}

  absl::Status SolveStart(std::span<const RidgeClass> members, TrainedRouter& result);
  absl::Status Train(TrainedRouter& result);
  void Choose(TrainedRouter& result);
  void KeepUniform(TrainedRouter& result);

 private:
  std::vector<ClassStatistics> CollectStatistics();
  TextSource DrawText(int step, size_t domain, int64_t k, SeededRandom& random) const;
  std::vector<TextSource> DrawBatch(int step, SeededRandom& random) const;

  const ProbeData& data_;
  const RouterTrainingOptions& options_;
  const Split split_;
  ForkJoin workers_;
  std::optional<RouterTexts> texts_;  // once the transform is known
};

// Of the chunks learned from, by domain.
std::vector<ClassStatistics> Trainer::CollectStatistics() {
  std::vector<ClassStatistics> statistics(data_.domains.size());
  workers_.Run(statistics.size(), [&](size_t d, size_t) {
    statistics[d] = EmptyStatistics(data_.domains[d], data_.width);
    for (const int64_t chunk : split_.fit[d]) {
      AddText(data_.ChunkHidden(chunk), options_.ridge.half_life, options_.ridge.shrinkage,
              statistics[d]);
    }
  });
  return statistics;
}

absl::Status Trainer::SolveStart(std::span<const RidgeClass> members, TrainedRouter& result) {
  result.domain_expert = BestExperts(data_, split_.fit);
  const std::vector<ClassStatistics> statistics = CollectStatistics();
  std::vector<RidgeClass> classes;
  for (size_t d = 0; d < statistics.size(); ++d) {
    classes.push_back({.statistics = &statistics[d], .expert = result.domain_expert[d]});
  }
  classes.insert(classes.end(), members.begin(), members.end());
  absl::StatusOr<RouterParameters> ridge = SolveRidge(classes, data_.experts, options_.ridge);
  if (GetErrorReason(ridge.status()) == "ROUTER_INVALID") {
    result.no_ridge_reason = std::string(ridge.status().message());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(ridge.status());
  RouterParameters solved = *std::move(ridge);
  solved.alpha = options_.alpha;
  solved.eta = options_.eta;
  texts_.emplace(data_, solved, workers_);
  const WeightedTexts texts = JudgingTexts(split_.fit);
  std::vector<RouterParameters> candidates;
  for (const double temperature : kTemperatures) {
    candidates.push_back(WithTemperature(solved, options_.ridge.temperature, temperature));
  }
  const auto losses = JudgeTexts(*texts_, candidates, texts.source, workers_);
  double best = 0;
  for (size_t k = 0; k < candidates.size(); ++k) {
    const double loss = WeightedMean(texts, losses[k]);
    if (k > 0 && !(loss < best)) continue;
    best = loss;
    result.temperature = kTemperatures[k];
    result.ridge = candidates[k];
  }
  return absl::OkStatus();
}

// Nothing was learned: the uniform router, and what it loses on the held-out third.
void Trainer::KeepUniform(TrainedRouter& result) {
  result.ridge = result.trained = UniformRouter(data_.experts);
  result.kept_rung = RouterRung::kUniform;
  RouterParameters flat = result.ridge;  // a feature that is always 0
  flat.transform = {.width = data_.width,
                    .features = 1,
                    .matrix = std::vector<double>(static_cast<size_t>(data_.width) + 1, 0)};
  texts_.emplace(data_, flat, workers_);
  const WeightedTexts texts = JudgingTexts(split_.held_out);
  result.uniform_held_out_loss =
      WeightedMean(texts, JudgeTexts(*texts_, {&result.ridge, 1}, texts.source, workers_)[0]);
  result.ridge_held_out_loss = result.trained_held_out_loss =
      std::numeric_limits<double>::quiet_NaN();
  result.reason = absl::StrFormat(
      "the ridge prior could not be solved (%s): the uniform router is kept, "
      "held-out loss %.6f",
      result.no_ridge_reason, result.uniform_held_out_loss);
}

// Text k of a domain in a step: whole, or each fourth spliced with the end of another domain's
// chunk.
TextSource Trainer::DrawText(int step, size_t domain, int64_t k, SeededRandom& random) const {
  const std::vector<int64_t>& own = split_.fit[domain];
  const int64_t first = own[static_cast<size_t>(random.Below(static_cast<int64_t>(own.size())))];
  const int64_t domains = static_cast<int64_t>(split_.fit.size());
  const int64_t turn = static_cast<int64_t>(domain) * kTextsPerDomain + k + step;
  if (domains == 1 || turn % kSplicedEvery != 0) return {first, first};
  const size_t skip = static_cast<size_t>(1 + random.Below(domains - 1));
  const std::vector<int64_t>& other = split_.fit[(domain + skip) % split_.fit.size()];
  return {first, other[static_cast<size_t>(random.Below(static_cast<int64_t>(other.size())))]};
}

std::vector<TextSource> Trainer::DrawBatch(int step, SeededRandom& random) const {
  std::vector<TextSource> batch;
  for (size_t domain = 0; domain < split_.fit.size(); ++domain) {
    for (int64_t k = 0; k < kTextsPerDomain; ++k) {
      batch.push_back(DrawText(step, domain, k, random));
    }
  }
  return batch;
}

absl::Status Trainer::Train(TrainedRouter& result) {
  RouterParameters router = result.ridge;
  router.rung = RouterRung::kTrained;
  double alpha_logit = std::log(router.alpha) - std::log1p(-router.alpha);
  Adam weight_adam(router.weight.size());
  Adam bias_adam(router.bias.size());
  Adam alpha_adam(1);
  SeededRandom random(options_.seed);
  BatchGradient gradient(*texts_, workers_);
  for (int step = 1; step <= options_.steps; ++step) {
    const double loss = gradient.Compute(router, DrawBatch(step, random));
    const double cosine = 0.5 * (1 + std::cos(kPi * (step - 1) / options_.steps));
    const double rate = options_.learning_rate * cosine;
    weight_adam.Step(step, rate, options_.weight_decay, gradient.Weight(), router.weight);
    bias_adam.Step(step, rate, 0, gradient.Bias(), router.bias);
    const double alpha_gradient = gradient.AlphaLogit();
    alpha_adam.Step(step, options_.alpha_learning_rate * cosine, 0, {&alpha_gradient, 1},
                    {&alpha_logit, 1});
    router.alpha = 1 / (1 + std::exp(-alpha_logit));
    result.trajectory.push_back({.step = step, .batch_loss = loss, .alpha = router.alpha});
    if (options_.progress && step % kRouterProgressSteps == 0) {
      RETURN_IF_ERROR(options_.progress(step));
    }
  }
  result.trained = std::move(router);
  return absl::OkStatus();
}

// Climbs from the simplest rung: the next one has to win by more than the error of the comparison.
void Trainer::Choose(TrainedRouter& result) {
  const WeightedTexts texts = JudgingTexts(split_.held_out);
  const std::vector<RouterParameters> routers = {UniformRouter(result.ridge.experts), result.ridge,
                                                 result.trained};
  std::vector<std::vector<double>> judged = JudgeTexts(*texts_, routers, texts.source, workers_);
  std::vector<double> kept = std::move(judged[0]);
  result.kept_rung = RouterRung::kUniform;
  result.uniform_held_out_loss = WeightedMean(texts, kept);
  result.reason =
      absl::StrFormat("held-out loss %.6f of the uniform router", result.uniform_held_out_loss);
  const auto climb = [&](const RouterParameters& router, std::vector<double> losses,
                         double& held_out_loss) {
    held_out_loss = WeightedMean(texts, losses);
    const PairedComparison paired = ComparePaired(split_.held_out, texts, kept, losses);
    absl::StrAppendFormat(&result.reason,
                          "; %.6f of the %s router, %+.6f against the %s one (standard error %.6f)",
                          held_out_loss, RouterRungName(router.rung), paired.difference,
                          RouterRungName(result.kept_rung), paired.standard_error);
    if (!paired.ComplexWins() || !ValidateRouter(router).ok()) return;
    result.kept_rung = router.rung;
    kept = std::move(losses);
  };
  climb(result.ridge, std::move(judged[1]), result.ridge_held_out_loss);
  climb(result.trained, std::move(judged[2]), result.trained_held_out_loss);
  absl::StrAppendFormat(&result.reason, ": the %s router is kept",
                        RouterRungName(result.kept_rung));
}

}  // namespace

RouterParameters TrainedRouter::kept() const {
  switch (kept_rung) {
    case RouterRung::kTrained:
      return trained;
    case RouterRung::kRidge:
      return ridge;
    case RouterRung::kUniform:
      return UniformRouter(ridge.experts);
  }
  return UniformRouter(ridge.experts);
}

double TrainedRouter::HeldOutLoss(RouterRung rung) const {
  switch (rung) {
    case RouterRung::kTrained:
      return trained_held_out_loss;
    case RouterRung::kRidge:
      return ridge_held_out_loss;
    case RouterRung::kUniform:
      return uniform_held_out_loss;
  }
  return uniform_held_out_loss;
}

std::vector<RouterParameters> TrainedRouter::Ladder() const {
  std::vector<RouterParameters> ladder;
  if (!no_ridge_reason.empty()) return {UniformRouter(ridge.experts)};
  if (ValidateRouter(trained).ok()) ladder.push_back(trained);
  ladder.push_back(ridge);
  ladder.push_back(UniformRouter(ridge.experts));
  return ladder;
}

absl::StatusOr<TrainedRouter> TrainRouter(const ProbeData& data,
                                          std::span<const RidgeClass> members,
                                          const RouterTrainingOptions& options) {
  KALAVAI_CHECK(options.steps > 0 && options.alpha > 0 && options.alpha < 1 && options.eta > 0 &&
                    options.eta <= 1,
                "training starts from a gate that can switch");
  ASSIGN_OR_RETURN(Split split, SplitChunks(data));
  Trainer trainer(data, options, std::move(split));
  TrainedRouter result;
  RETURN_IF_ERROR(trainer.SolveStart(members, result));
  if (!result.no_ridge_reason.empty()) {
    trainer.KeepUniform(result);
    return result;
  }
  RETURN_IF_ERROR(trainer.Train(result));
  trainer.Choose(result);
  return result;
}

double EvaluateSpliced(const RouterParameters& parameters, const ProbeData& data, int per_pair) {
  const std::vector<std::vector<int64_t>> chunks = ChunksByDomain(data);
  std::vector<TextSource> texts = SpliceAll(chunks, per_pair);
  if (texts.empty()) {
    for (const int64_t chunk : chunks[0]) texts.push_back({chunk, chunk});
  }
  const size_t experts = static_cast<size_t>(data.experts);
  const size_t width = static_cast<size_t>(data.width);
  const size_t rows = static_cast<size_t>(data.rows);
  double loss = 0;
  for (const TextSource& text : texts) {
    RouterSession session(parameters);
    for (size_t t = 0; t < rows; ++t) {
      const int64_t chunk = t < rows / 2 ? text.first : text.second;
      const absl::StatusOr<double> mixed =
          session.Read(data.ChunkLogProb(chunk).subspan(t * experts, experts),
                       data.ChunkHidden(chunk).subspan(t * width, width));
      KALAVAI_CHECK(mixed.ok(), "valid data has a log-probability for every expert");
      loss -= *mixed;
    }
  }
  return loss / static_cast<double>(texts.size() * rows);
}

}  // namespace kalavai
