#include "coordinator/serving/fused_decoder.h"

#include <algorithm>
#include <cmath>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/logit_mixture.h"

namespace kalavai::coordinator {
namespace {

at::Tensor TokensTensor(std::span<const int32_t> tokens) {
  std::vector<int64_t> wide(tokens.begin(), tokens.end());
  return at::tensor(wide, at::kLong).unsqueeze(0);
}

// Gate and sampler read memory of the host, wherever the experts compute.
at::Tensor OnHost(const at::Tensor& tensor) { return tensor.to(at::kFloat).cpu().contiguous(); }

std::span<const float> FloatsOf(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

// Whether a distribution is one: NaN and infinity show in the largest, and something is possible.
bool IsSane(const at::Tensor& log_probs_V) {
  return std::isfinite(log_probs_V.max().item<float>());  // NaN if any is
}

bool AllFinite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

absl::Status BaseNotFinite() {
  return MakeError(
      absl::StatusCode::kInternal, "BASE_NOT_FINITE",
      {.what = "generation: the base's log-probabilities or hidden states on this text "
               "are not finite numbers",
       .why = "finite weights can still overflow on a text, and every answer rests on "
              "the base",
       .fix = "ask with another text; tell the administrator if it happens again"});
}

}  // namespace

FusedDecoder::FusedDecoder(std::span<const Transformer> experts, const RouterParameters& router)
    : models_(experts),
      mixture_(router.mixture),
      session_(router),
      allowed_(experts.size(), 1),
      dropped_(experts.size(), 0),
      experts_(experts.size()) {}

void FusedDecoder::Restrict(std::span<const uint8_t> allowed) {
  bool changed = false;
  for (size_t i = 1; i < allowed_.size(); ++i) {
    if (allowed_[i] == 0 || (i < allowed.size() && allowed[i] != 0)) continue;
    Deny(i);
    changed = true;
  }
  if (changed) session_.SetAllowed(allowed_);
}

void FusedDecoder::Deny(size_t index) {
  allowed_[index] = 0;
  experts_[index] = {};
}

absl::Status FusedDecoder::Drop(size_t index) {
  if (index == 0) return BaseNotFinite();
  Deny(index);
  dropped_[index] = 1;
  session_.SetAllowed(allowed_);
  return absl::OkStatus();
}

// Runs one expert over `tokens` after what it has read; keeps the next token's log-probabilities,
// or drops it when they are none.
absl::StatusOr<at::Tensor> FusedDecoder::Read(size_t index, std::span<const int32_t> tokens) {
  const Transformer& model = models_[index];
  ForwardOptions options;
  options.logits = LogitsWanted::kNone;
  ASSIGN_OR_RETURN(const ForwardResult result,
                   Forward(model, TokensTensor(tokens), &experts_[index].cache, options));
  const at::Tensor last = result.hidden_BTD.slice(1, -1);
  ASSIGN_OR_RETURN(const at::Tensor log_probs, LogProbsOfVocabulary(model, last));
  experts_[index].log_probs_V = OnHost(log_probs.reshape({-1}));
  if (index == 0) {
    experts_[0].hidden_TD = OnHost(result.hidden_BTD.squeeze(0));
    if (!AllFinite(FloatsOf(experts_[0].hidden_TD))) return BaseNotFinite();
  }
  if (!IsSane(experts_[index].log_probs_V)) RETURN_IF_ERROR(Drop(index));
  return result.hidden_BTD;
}

absl::Status FusedDecoder::ReadPrompt(std::span<const int32_t> tokens, int64_t tokens_max) {
  const size_t predicted = tokens.size() - 1;
  std::vector<float> log_p(predicted * experts_.size(), 0);
  for (size_t i = 0; i < experts_.size(); ++i) {
    if (allowed_[i] == 0) continue;
    const Transformer& model = models_[i];
    ASSIGN_OR_RETURN(experts_[i].cache, NewKvCache(model.config, model.weight_type(), 1, tokens_max,
                                                   {}, model.device()));
    ASSIGN_OR_RETURN(const at::Tensor hidden_BTD, Read(i, tokens));
    if (predicted == 0 || allowed_[i] == 0) continue;
    ASSIGN_OR_RETURN(
        const at::Tensor of_targets,
        LogProbsOfTargets(model, hidden_BTD.slice(1, 0, static_cast<int64_t>(predicted)),
                          TokensTensor(tokens.subspan(1))));
    const at::Tensor flat = OnHost(of_targets.reshape({-1}));
    const std::span<const float> values = FloatsOf(flat);
    if (!AllFinite(values)) {
      RETURN_IF_ERROR(Drop(i));
      continue;
    }
    for (size_t t = 0; t < predicted; ++t) log_p[t * experts_.size() + i] = values[t];
  }
  const std::span<const float> states = FloatsOf(experts_[0].hidden_TD);
  const size_t width = states.size() / tokens.size();
  for (size_t t = 0; t < predicted; ++t) {
    const std::span<const float> row =
        std::span<const float>(log_p).subspan(t * experts_.size(), experts_.size());
    RETURN_IF_ERROR(session_.Read(row, states.subspan((t + 1) * width, width)).status());
  }
  return absl::OkStatus();
}

absl::Status FusedDecoder::Advance(int32_t token) {
  std::vector<float> log_p(experts_.size(), 0);
  for (size_t i = 0; i < experts_.size(); ++i) {
    if (allowed_[i] == 0) continue;
    log_p[i] = FloatsOf(experts_[i].log_probs_V)[static_cast<size_t>(token)];
    RETURN_IF_ERROR(Read(i, std::span<const int32_t>(&token, 1)).status());
  }
  return session_.Read(log_p, FloatsOf(experts_[0].hidden_TD)).status();
}

absl::StatusOr<at::Tensor> FusedDecoder::LogProbs() const {
  const at::Tensor mixed_V = Mix();
  if (!IsSane(mixed_V)) return BaseNotFinite();  // it always speaks, so the mixture is as sane
  return mixed_V;
}

at::Tensor FusedDecoder::Mix() const {
  std::vector<double> weights;
  std::vector<at::Tensor> log_probs_V;
  for (size_t i = 0; i < experts_.size(); ++i) {
    const double weight = session_.Weights()[i];
    if (allowed_[i] == 0 || weight <= 0) continue;
    weights.push_back(weight);
    log_probs_V.push_back(experts_[i].log_probs_V);
  }
  if (mixture_ == Mixture::kLogit) {
    for (at::Tensor& log_probs : log_probs_V) log_probs = log_probs.unsqueeze(0);
    const at::Tensor weights_1n = at::tensor(weights, at::kDouble).unsqueeze(0);
    return MixLogits(StackLogProbs(log_probs_V), weights_1n).squeeze(0).to(at::kFloat);
  }
  for (size_t k = 0; k < weights.size(); ++k) {
    log_probs_V[k] = log_probs_V[k].to(at::kDouble) + std::log(weights[k]);
  }
  return at::logsumexp(at::stack(log_probs_V), 0).to(at::kFloat).contiguous();
}

}  // namespace kalavai::coordinator
