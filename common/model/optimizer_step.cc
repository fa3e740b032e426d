#include "common/model/optimizer_step.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/weights.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kHeadBlockBytes = 4 * 1024 * 1024;  // float32 logits alive at a time

absl::Status NotFinite(absl::string_view what, double value, int64_t step) {
  return MakeError(
      absl::StatusCode::kOutOfRange, "TRAINING_NOT_FINITE",
      {.what = absl::StrCat(what, " of step ", step, ": ", value, " found; must be finite"),
       .why = "one such update destroys the weights",
       .fix = "lower the learning rate; nothing was changed by this step",
       .metadata = {{"step", absl::StrCat(step)}, {"quantity", std::string(what)}}});
}

absl::Status StateInvalid(absl::string_view what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TRAINING_STATE_INVALID",
      {.what = std::string(what),
       .why = "a state continues only the training it was saved from",
       .fix = "start again without resuming, or with the settings of the first start"});
}

// The model that computes, bound to the master's weights so that gradients flow back to them.
// kMixed: bfloat16 matrices, float32 embedding lookup and norms (the residual stream stays
// float32). Only its reading-order members are of use.
absl::StatusOr<Transformer> ComputeCopy(const Transformer& master, Precision precision) {
  NamedTensors copies = master.parameters;
  if (precision == Precision::kMixed) {
    for (auto& [name, tensor] : copies) {
      const bool keep =
          absl::StrContains(name, "norm.") || name == EmbedInName(master.config.family);
      if (!keep) tensor = tensor.to(at::kBFloat16);
    }
  }
  ASSIGN_OR_RETURN(Transformer copy,
                   BindParameters(master.config, std::move(copies), master.rotary));
  // A tied head multiplies with the lookup table: its own cast.
  if (precision == Precision::kMixed) copy.embed_out_VD = copy.embed_out_VD.to(at::kBFloat16);
  copy.parameters.clear();  // what was fused needs no second copy
  return copy;
}

struct HeadResult {
  double loss_sum = 0;     // nats, over all predictions of the micro-batch
  Tensor hidden_gradient;  // [B, T, D]; 0 at the last position, which predicts nothing
};

// Softmax cross-entropy and its gradient for a block of positions at a time, so that logits are
// never held for a whole batch: ∂loss/∂logits = (softmax − onehot(target)) · scale. Adds the head's
// own gradient to `head_gradient_VD` (float32) unless it is undefined.
HeadResult RunHead(const Transformer& model, const Tensor& hidden_BTD, const Tensor& tokens_BT,
                   double scale, Tensor& head_gradient_VD) {
  const at::NoGradGuard no_graph;
  const int64_t predictions = tokens_BT.size(1) - 1;
  const Tensor head_VD = model.embed_out_VD.detach();
  const Tensor hidden_ND = hidden_BTD.detach()
                               .narrow(1, 0, predictions)
                               .to(head_VD.scalar_type())
                               .reshape({-1, head_VD.size(1)});
  const Tensor targets_N1 =
      tokens_BT.narrow(1, 1, predictions).reshape({-1, 1}).to(hidden_ND.device());
  Tensor gradient_ND = at::empty_like(hidden_ND);
  HeadResult result;
  const int64_t step = std::max<int64_t>(256, kHeadBlockBytes / (4 * head_VD.size(0)));
  for (int64_t first = 0; first < hidden_ND.size(0); first += step) {
    const int64_t count = std::min(step, hidden_ND.size(0) - first);
    const Tensor block_ND = hidden_ND.narrow(0, first, count);
    const Tensor block_N1 = targets_N1.narrow(0, first, count);
    Tensor log_probs_NV = at::log_softmax(at::matmul(block_ND, head_VD.t()), -1, at::kFloat);
    result.loss_sum -= log_probs_NV.gather(1, block_N1).sum(at::kDouble).item<double>();
    Tensor slope_NV = log_probs_NV.exp_();
    slope_NV.scatter_add_(1, block_N1, at::full({count, 1}, -1.0, slope_NV.options()));
    slope_NV = slope_NV.to(head_VD.scalar_type());
    Tensor out_ND = gradient_ND.narrow(0, first, count);
    at::mm_out(out_ND, slope_NV, head_VD);
    if (head_gradient_VD.defined()) {
      head_gradient_VD.add_(at::mm(slope_NV.t(), block_ND), scale);  // scaled where it is smallest
    }
  }
  gradient_ND.mul_(scale);
  result.hidden_gradient = at::zeros_like(hidden_BTD);
  result.hidden_gradient.narrow(1, 0, predictions)
      .copy_(gradient_ND.view({hidden_BTD.size(0), predictions, head_VD.size(1)}));
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OptimizerStep>> OptimizerStep::Create(const Transformer& model,
                                                                     const Options& options) {
  RETURN_IF_ERROR(Validate(options.hyperparameters, model.config));
  return CatchTorch("prepare training", [&]() -> absl::StatusOr<std::unique_ptr<OptimizerStep>> {
    auto self = std::unique_ptr<OptimizerStep>(new OptimizerStep());
    self->hyperparameters_ = options.hyperparameters;
    self->precision_ = options.precision;
    if (options.precision == Precision::kMixed && model.device().is_cpu() &&
        !MachineHasBfloat16()) {
      self->precision_ = Precision::kFloat32;
    }
    const WeightType type =
        options.precision == Precision::kPure ? WeightType::kBfloat16 : WeightType::kFloat32;
    ASSIGN_OR_RETURN(const Transformer own, model.Clone());
    ASSIGN_OR_RETURN(self->model_, own.CastTo(type));

    const std::vector<std::string> frozen =
        FrozenNames(model.config, options.hyperparameters.freeze_depth);
    const std::set<std::string> frozen_set(frozen.begin(), frozen.end());
    for (auto& [name, tensor] : self->model_.parameters) {
      if (frozen_set.contains(name)) continue;
      tensor.requires_grad_(true);
      self->names_.push_back(name);
      self->weights_.push_back(tensor);
      self->m_.push_back(at::zeros_like(tensor, tensor.options().requires_grad(false)));
      self->v_.push_back(at::zeros_like(tensor, tensor.options().requires_grad(false)));
    }
    return self;
  });
}

absl::StatusOr<StepResult> OptimizerStep::Step(ChunkSpan chunks) {
  RETURN_IF_ERROR(Validate(chunks));
  return CatchTorch("training step", [&]() -> absl::StatusOr<StepResult> {
    StepResult result;
    result.tokens = static_cast<int64_t>(chunks.tokens.size());
    ZeroGradients();
    ASSIGN_OR_RETURN(result.loss, Accumulate(chunks));
    if (!std::isfinite(result.loss)) return NotFinite("loss", result.loss, step_);

    result.gradient_norm = GradientNorm();
    if (!std::isfinite(result.gradient_norm)) {
      return NotFinite("gradient norm", result.gradient_norm, step_);
    }
    const double clip = hyperparameters_.clip;
    const bool clips = clip > 0.0 && result.gradient_norm > clip;
    result.learning_rate = LearningRate(hyperparameters_, step_);
    Update(result.learning_rate, clips ? clip / result.gradient_norm : 1.0);
    ZeroGradients();  // gradients are as large as the weights: not kept between steps
    ++step_;
    return result;
  });
}

void OptimizerStep::ZeroGradients() {
  for (Tensor& weight : weights_) weight.mutable_grad() = Tensor();
}

absl::StatusOr<double> OptimizerStep::Accumulate(ChunkSpan chunks) {
  ASSIGN_OR_RETURN(const Transformer compute, ComputeCopy(model_, precision_));
  Tensor head_VD = model_.embed_out_VD;
  Tensor head_gradient_VD;
  if (head_VD.requires_grad()) {
    head_gradient_VD = at::zeros(head_VD.sizes(), head_VD.options().dtype(at::kFloat));
  }

  const double predictions = static_cast<double>(chunks.count() * (chunks.chunk_length - 1));
  double loss_sum = 0.0;
  for (int64_t first = 0; first < chunks.count(); first += hyperparameters_.micro_batch) {
    const int64_t count = std::min(hyperparameters_.micro_batch, chunks.count() - first);
    const Tensor tokens_BT = TokensOf(chunks, first, count);
    ASSIGN_OR_RETURN(const ForwardResult forward,
                     Forward(compute, tokens_BT, nullptr, {.logits = LogitsWanted::kNone}));
    const HeadResult head =
        RunHead(compute, forward.hidden_BTD, tokens_BT, 1.0 / predictions, head_gradient_VD);
    forward.hidden_BTD.backward(head.hidden_gradient);
    loss_sum += head.loss_sum;
  }

  if (head_gradient_VD.defined()) {
    const at::NoGradGuard no_graph;
    const Tensor own = head_gradient_VD.to(head_VD.scalar_type());
    Tensor& sum = head_VD.mutable_grad();  // a tied head has the lookup's gradient already
    sum = sum.defined() ? sum.add_(own) : own;
  }
  return loss_sum / predictions;
}

double OptimizerStep::GradientNorm() const {
  const at::NoGradGuard no_graph;
  double sum = 0.0;
  for (const Tensor& weight : weights_) {
    const double norm =
        at::linalg_vector_norm(weight.grad(), 2, {}, false, at::kFloat).item<double>();
    sum += norm * norm;
  }
  return std::sqrt(sum);
}

void OptimizerStep::Update(double learning_rate, double gradient_scale) {
  const at::NoGradGuard no_graph;
  const Hyperparameters& h = hyperparameters_;
  std::vector<Tensor> gradients;
  for (const Tensor& weight : weights_) gradients.push_back(weight.grad());
  if (gradient_scale != 1.0) at::_foreach_mul_(gradients, gradient_scale);

  const double count = static_cast<double>(step_ + 1);
  if (precision_ != Precision::kPure) {
    const std::vector<Tensor> counts(
        weights_.size(), at::full({}, count, weights_.front().options().dtype(at::kFloat)));
    at::_fused_adamw_(weights_, gradients, m_, v_, {}, counts, learning_rate, h.beta1, h.beta2,
                      h.weight_decay, h.epsilon, /*amsgrad=*/false, /*maximize=*/false);
    return;
  }
  // One rounding to bfloat16 after every operation, as the paper's runs had it.
  at::_foreach_mul_(weights_, 1.0 - learning_rate * h.weight_decay);
  at::_foreach_lerp_(m_, gradients, 1.0 - h.beta1);
  at::_foreach_mul_(v_, h.beta2);
  at::_foreach_addcmul_(v_, gradients, gradients, 1.0 - h.beta2);
  std::vector<Tensor> divisors = at::_foreach_sqrt(v_);
  at::_foreach_div_(divisors, std::sqrt(1.0 - std::pow(h.beta2, count)));
  at::_foreach_add_(divisors, h.epsilon);
  at::_foreach_addcdiv_(weights_, m_, divisors, -learning_rate / (1.0 - std::pow(h.beta1, count)));
}

NamedTensors OptimizerStep::ExportState() const {
  NamedTensors state;
  for (size_t i = 0; i < names_.size(); ++i) {
    state[absl::StrCat("optimizer.m.", names_[i])] = m_[i];
    state[absl::StrCat("optimizer.v.", names_[i])] = v_[i];
  }
  return state;
}

absl::Status OptimizerStep::ImportState(const NamedTensors& parameters, const NamedTensors& state,
                                        int64_t step) {
  NamedTensors targets = model_.parameters;
  targets.merge(ExportState());
  NamedTensors sources = parameters;
  sources.insert(state.begin(), state.end());
  if (step < 0) return StateInvalid(absl::StrCat("step: ", step, " found; must be at least 0"));
  for (const auto& [name, source] : sources) {
    if (!targets.contains(name)) return StateInvalid(absl::StrCat(name, ": not of this training"));
  }
  for (const auto& [name, target] : targets) {
    const auto source = sources.find(name);
    if (source == sources.end()) return StateInvalid(absl::StrCat(name, ": missing"));
    if (source->second.sizes() != target.sizes() ||
        source->second.scalar_type() != target.scalar_type()) {
      return StateInvalid(absl::StrCat(name, ": of another shape or type"));
    }
  }
  return CatchTorch("resume training", [&]() -> absl::Status {
    const at::NoGradGuard no_graph;
    for (auto& [name, target] : targets) target.copy_(sources.at(name));
    step_ = step;
    return absl::OkStatus();
  });
}

}  // namespace kalavai
