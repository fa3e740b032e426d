#include "tests/experiments/fusion/fit_speed.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "common/base/seeded_random.h"
#include "common/base/status_macros.h"
#include "common/model/loss.h"
#include "common/model/weights.h"
#include "common/router/router_training.h"
#include "tests/experiments/fusion/experiment_arrays.h"

namespace kalavai::experiment {
namespace {

constexpr int64_t kTextsPerDomain = 2;  // of a step, as the router's training

ExperimentArrays RandomArrays(const FitSpeedOptions& options, int width) {
  SeededRandom random(1);
  ExperimentArrays arrays;
  arrays.data.experts = options.specialists + 1;
  arrays.data.rows = options.chunk_tokens - 1;
  arrays.data.width = width;
  std::vector<double> centre(static_cast<size_t>(width));
  for (int d = 0; d < options.specialists; ++d) {
    arrays.data.domains.push_back(absl::StrCat("domain ", d));
    for (double& value : centre) value = random.Normal();
    for (int c = 0; c < options.chunks; ++c) {
      arrays.domain.push_back(d);
      arrays.chunk.push_back(c);
      for (int t = 0; t < arrays.data.rows; ++t) {
        for (const double value : centre) {
          arrays.hidden.push_back(static_cast<float>(value + random.Normal()));
        }
        for (int i = 0; i <= options.specialists; ++i) {
          arrays.log_prob.push_back(
              static_cast<float>(-(i == d + 1 ? 2 : 4) * (0.5 + random.Uniform())));
        }
      }
    }
  }
  arrays.Bind();
  return arrays;
}

// Seconds of one forward pass over `texts` chunks.
absl::StatusOr<double> BatchSeconds(const Transformer& model, int64_t texts,
                                    const FitSpeedOptions& options) {
  SeededRandom random(2);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < texts * options.chunk_tokens; ++i) {
    tokens.push_back(static_cast<int32_t>(random.Below(model.config.vocab_size)));
  }
  const absl::Time start = absl::Now();
  RETURN_IF_ERROR(
      MeanLoss(model, {.tokens = tokens, .chunk_length = options.chunk_tokens}).status());
  return absl::ToDoubleSeconds(absl::Now() - start);
}

}  // namespace

absl::StatusOr<nlohmann::json> MeasureFitSpeed(const FitSpeedOptions& options) {
  ASSIGN_OR_RETURN(const Transformer model,
                   LoadTransformer(options.model, {.type = WeightType::kFloat32}));
  const ExperimentArrays arrays = RandomArrays(options, static_cast<int>(model.config.hidden_size));
  const absl::Time start = absl::Now();
  ASSIGN_OR_RETURN(const TrainedRouter trained,
                   TrainRouter(arrays.data, {}, {.seed = 1, .steps = options.steps}));
  const double router = absl::ToDoubleSeconds(absl::Now() - start);

  const int64_t texts = kTextsPerDomain * options.specialists;
  double fastest = 0;
  for (int i = 0; i < options.repeats; ++i) {
    ASSIGN_OR_RETURN(const double seconds, BatchSeconds(model, texts, options));
    fastest = i == 0 ? seconds : std::min(fastest, seconds);
  }
  const double batch = fastest * (options.specialists + 1);
  return nlohmann::json{{"specialists", options.specialists},
                        {"parameters", model.config.ParameterCount()},
                        {"texts_per_step", texts},
                        {"chunk_tokens", options.chunk_tokens},
                        {"steps", options.steps},
                        {"router_seconds", router},
                        {"batch_seconds", batch},
                        {"running_seconds", batch * options.steps},
                        {"ratio", batch * options.steps / router}};
}

}  // namespace kalavai::experiment
