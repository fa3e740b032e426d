#include "common/model/optimizer_step.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/model/training_pass.h"
#include "common/model/weights.h"

namespace kalavai {
namespace {

using at::Tensor;

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

// The weights as the blocks use them: fused where they are (BindParameters), each once.
std::vector<Tensor> LeavesOf(const Transformer& model) {
  std::vector<Tensor> leaves = {model.embed_in_VD};
  const auto add = [&](const Tensor& weight, const Tensor& bias) {
    leaves.push_back(weight);
    if (bias.defined()) leaves.push_back(bias);
  };
  for (const BlockWeights& block : model.blocks) {
    add(block.attention_norm.weight_D, block.attention_norm.bias_D);
    add(block.query_key_value.weight_OI, block.query_key_value.bias_O);
    add(block.attention_out.weight_OI, block.attention_out.bias_O);
    add(block.feed_forward_norm.weight_D, block.feed_forward_norm.bias_D);
    add(block.feed_forward_in.weight_OI, block.feed_forward_in.bias_O);
    add(block.feed_forward_out.weight_OI, block.feed_forward_out.bias_O);
  }
  add(model.final_norm.weight_D, model.final_norm.bias_D);
  if (!model.config.tied_embeddings) leaves.push_back(model.embed_out_VD);
  return leaves;
}

// The named tensor's part of `whole`, which is laid out as the leaf that holds it.
Tensor PartOf(const Tensor& whole, const Tensor& leaf, const Tensor& named) {
  const int64_t first = named.storage_offset() - leaf.storage_offset();
  return whole.view({-1}).narrow(0, first, named.numel()).view(named.sizes());
}

}  // namespace

absl::StatusOr<std::unique_ptr<OptimizerStep>> OptimizerStep::Create(Transformer model,
                                                                     const Options& options) {
  RETURN_IF_ERROR(Validate(options.hyperparameters, model.config));
  return CatchTorch("prepare training", [&]() -> absl::StatusOr<std::unique_ptr<OptimizerStep>> {
    auto self = std::unique_ptr<OptimizerStep>(new OptimizerStep());
    self->precision_ = options.precision;
    if (options.precision == Precision::kMixed && model.device().is_cpu() &&
        !MachineHasBfloat16()) {
      self->precision_ = Precision::kFloat32;
    }
    const WeightType type =
        options.precision == Precision::kPure ? WeightType::kBfloat16 : WeightType::kFloat32;
    ASSIGN_OR_RETURN(self->model_, model.CastTo(type));
    model = {};

    self->compute_ = self->model_;
    self->compute_.parameters.clear();  // the reading-order members are what computes
    if (self->precision_ == Precision::kMixed) self->compute_.product_type = at::kBFloat16;
    self->options_ = options;

    std::map<const void*, Tensor> leaves;  // each has a storage of its own
    for (const Tensor& leaf : LeavesOf(self->model_)) leaves[leaf.storage().data()] = leaf;
    const std::vector<std::string> frozen =
        FrozenNames(self->model_.config, options.hyperparameters.freeze_depth);
    const std::set<std::string> frozen_set(frozen.begin(), frozen.end());
    std::map<const void*, size_t> places;
    for (const auto& [name, tensor] : self->model_.parameters) {
      if (frozen_set.contains(name)) continue;
      const void* storage = tensor.storage().data();
      const auto [place, is_new] = places.try_emplace(storage, self->weights_.size());
      self->names_.push_back({name, place->second});
      if (is_new) self->AddLeaf(leaves.at(storage));
    }
    return self;
  });
}

void OptimizerStep::AddLeaf(at::Tensor leaf) {
  leaf.requires_grad_(true);
  m_.push_back(at::zeros_like(leaf, leaf.options().requires_grad(false)));
  v_.push_back(at::zeros_like(leaf, leaf.options().requires_grad(false)));
  weights_.push_back(std::move(leaf));
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
    const double clip = options_.hyperparameters.clip;
    const bool clips = clip > 0.0 && result.gradient_norm > clip;
    result.learning_rate = LearningRate(options_.hyperparameters, step_);
    Update(result.learning_rate, clips ? clip / result.gradient_norm : 1.0);
    ++step_;
    return result;
  });
}

void OptimizerStep::ZeroGradients() {
  for (Tensor& weight : weights_) weight.mutable_grad() = Tensor();
}

absl::StatusOr<double> OptimizerStep::Accumulate(ChunkSpan chunks) {
  const double predictions = static_cast<double>(chunks.count() * (chunks.chunk_length - 1));
  const int64_t micro_batch = options_.hyperparameters.micro_batch;
  GradientSum sum;
  for (int64_t first = 0; first < chunks.count(); first += micro_batch) {
    const int64_t count = std::min(micro_batch, chunks.count() - first);
    RETURN_IF_ERROR(AddGradients(
        compute_, TokensOf(chunks, first, count),
        {.scale = 1.0 / predictions, .activation_checkpointing = options_.activation_checkpointing},
        sum));
  }
  FinishGradients(compute_, sum);
  return sum.loss / predictions;
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
  const Hyperparameters& h = options_.hyperparameters;
  const double count = static_cast<double>(step_ + 1);
  const at::TensorOptions floats =
      weights_.front().options().dtype(at::kFloat).requires_grad(false);
  const Tensor counts = at::full({}, count, floats);
  const Tensor divisor = at::full({}, 1.0 / gradient_scale, floats);
  for (size_t i = 0; i < weights_.size(); ++i) {
    Tensor& gradient = weights_[i].mutable_grad();
    if (precision_ != Precision::kPure) {
      at::_fused_adamw_(weights_[i], gradient.to(at::kFloat), m_[i], v_[i], {}, counts,
                        learning_rate, h.beta1, h.beta2, h.weight_decay, h.epsilon,
                        /*amsgrad=*/false, /*maximize=*/false, divisor);
    } else {
      // One rounding to bfloat16 after every operation, as the paper's runs had it.
      if (gradient_scale != 1.0) gradient.mul_(gradient_scale);
      weights_[i].mul_(1.0 - learning_rate * h.weight_decay);
      m_[i].lerp_(gradient, 1.0 - h.beta1);
      v_[i].mul_(h.beta2).addcmul_(gradient, gradient, 1.0 - h.beta2);
      const Tensor root = v_[i].sqrt().div_(std::sqrt(1.0 - std::pow(h.beta2, count)));
      weights_[i].addcdiv_(m_[i], root.add_(h.epsilon),
                           -learning_rate / (1.0 - std::pow(h.beta1, count)));
    }
    gradient = Tensor();  // as large as the weight: not kept a moment longer
  }
}

NamedTensors OptimizerStep::ExportState() const {
  NamedTensors state;
  for (const auto& [name, leaf] : names_) {
    const Tensor& named = model_.parameters.at(name);
    state[absl::StrCat("optimizer.m.", name)] = PartOf(m_[leaf], weights_[leaf], named);
    state[absl::StrCat("optimizer.v.", name)] = PartOf(v_[leaf], weights_[leaf], named);
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
