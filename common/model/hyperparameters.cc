#include "common/model/hyperparameters.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

absl::Status Invalid(absl::string_view field, absl::string_view found, absl::string_view rule) {
  return MakeError(absl::StatusCode::kInvalidArgument, "HYPERPARAMETERS_INVALID",
                   {.what = absl::StrCat("`", field, "`: ", found, " found; must be ", rule),
                    .why = "a training run with such a setting cannot work",
                    .fix = absl::StrCat("change ", field, " and start again"),
                    .metadata = {{"field", std::string(field)}, {"actual", std::string(found)}}});
}

bool In(double value, double low, double high) { return value >= low && value <= high; }

}  // namespace

absl::string_view NameOf(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "float32";
    case Precision::kMixed:
      return "bf16";
    case Precision::kPure:
      return "bf16-pure";
  }
  return "";
}

absl::StatusOr<Precision> PrecisionFromName(absl::string_view name) {
  for (const Precision precision : {Precision::kFloat32, Precision::kMixed, Precision::kPure}) {
    if (name == NameOf(precision)) return precision;
  }
  return Invalid("precision", absl::StrCat("'", name, "'"), "'float32', 'bf16' or 'bf16-pure'");
}

absl::Status Validate(const Hyperparameters& h, const ModelConfig& config) {
  if (!In(h.learning_rate, 0.0, 1.0)) {
    return Invalid("learning_rate", absl::StrCat(h.learning_rate), "in [0, 1]");
  }
  if (h.steps < 1) return Invalid("steps", absl::StrCat(h.steps), "at least 1");
  if (h.warmup_steps < 0 || h.warmup_steps >= h.steps) {
    return Invalid("warmup_steps", absl::StrCat(h.warmup_steps), "at least 0 and below steps");
  }
  if (!In(h.final_fraction, 0.0, 1.0)) {
    return Invalid("final_fraction", absl::StrCat(h.final_fraction), "in [0, 1]");
  }
  if (!In(h.weight_decay, 0.0, 10.0)) {
    return Invalid("weight_decay", absl::StrCat(h.weight_decay), "in [0, 10]");
  }
  if (!(h.beta1 >= 0.0 && h.beta1 < 1.0)) {
    return Invalid("beta1", absl::StrCat(h.beta1), "in [0, 1)");
  }
  if (!(h.beta2 >= 0.0 && h.beta2 < 1.0)) {
    return Invalid("beta2", absl::StrCat(h.beta2), "in [0, 1)");
  }
  if (!(h.epsilon > 0.0 && h.epsilon <= 1.0)) {
    return Invalid("epsilon", absl::StrCat(h.epsilon), "in (0, 1]");
  }
  if (!(h.clip >= 0.0 && std::isfinite(h.clip))) {
    return Invalid("clip", absl::StrCat(h.clip), "finite and at least 0");
  }
  if (h.freeze_depth < 0 || h.freeze_depth >= config.layer_count) {
    return Invalid(
        "freeze_depth", absl::StrCat(h.freeze_depth),
        absl::StrCat("at least 0 and below the model's ", config.layer_count, " blocks"));
  }
  if (h.micro_batch < 1) return Invalid("micro_batch", absl::StrCat(h.micro_batch), "at least 1");
  return absl::OkStatus();
}

double LearningRate(const Hyperparameters& h, int64_t step) {
  if (step < h.warmup_steps) {
    return h.learning_rate * static_cast<double>(step + 1) / static_cast<double>(h.warmup_steps);
  }
  const double done = static_cast<double>(std::min(step, h.steps) - h.warmup_steps) /
                      static_cast<double>(std::max<int64_t>(h.steps - h.warmup_steps, 1));
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  return h.learning_rate * (h.final_fraction + (1.0 - h.final_fraction) * cosine);
}

}  // namespace kalavai
