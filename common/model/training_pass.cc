#include "common/model/training_pass.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/model/decoder_block.h"
#include "common/model/forward.h"
#include "common/model/layers.h"
#include "common/model/row_kernels.h"
#include "common/model/shape_error.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kHeadBlockBytes = 4 * 1024 * 1024;  // logits alive at a time
constexpr int64_t kHeadRowsMin = 512;  // fewer, and adding to the head's gradient costs most

Tensor& SumFor(const Tensor& weight_VD, Tensor& sum_VD) {
  if (!sum_VD.defined())
    sum_VD =
        at::zeros(weight_VD.sizes(), weight_VD.options().dtype(at::kFloat).requires_grad(false));
  return sum_VD;
}

// Σ −log softmax(logits)[target], and the gradient of that in the logits' place.
template <typename Scalar>
double CrossEntropyRows(const Tensor& logits_NV, const Tensor& targets_N) {
  const int64_t width = logits_NV.size(1);
  const Tensor losses_N = at::empty({logits_NV.size(0)}, at::kFloat);
  auto* const logits = static_cast<Scalar*>(logits_NV.mutable_data_ptr());
  const int64_t* const targets = targets_N.const_data_ptr<int64_t>();
  float* const losses = losses_N.mutable_data_ptr<float>();
  at::parallel_for(0, logits_NV.size(0), 1, [&](int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      losses[n] = CrossEntropyRow(targets[n], width, logits + n * width);
    }
  });
  return losses_N.sum(at::kDouble).item<double>();
}

double CrossEntropyBack(Tensor& logits_NV, const Tensor& targets_N) {
  if (!logits_NV.is_cpu()) {
    const Tensor targets_N1 = targets_N.view({-1, 1});
    const Tensor log_probs_NV = at::log_softmax(logits_NV, -1, at::kFloat);
    const double loss = -log_probs_NV.gather(1, targets_N1).sum(at::kDouble).item<double>();
    const Tensor slope_NV = log_probs_NV.exp();
    slope_NV.scatter_add_(1, targets_N1, at::full(targets_N1.sizes(), -1.0, slope_NV.options()));
    logits_NV = slope_NV.to(logits_NV.scalar_type());
    return loss;
  }
  return logits_NV.scalar_type() == at::kBFloat16
             ? CrossEntropyRows<Bfloat16Bits>(logits_NV, targets_N)
             : CrossEntropyRows<float>(logits_NV, targets_N);
}

// Adds the loss of all predictions and the head's gradient to `sum`; returns ∂loss/∂hidden,
// [B, T, D], which is 0 at the last position: it predicts nothing.
Tensor HeadBack(const Transformer& model, const Tensor& hidden_BTD, const Tensor& tokens_BT,
                double scale, GradientSum& sum) {
  const at::NoGradGuard no_graph;
  const int64_t predictions = tokens_BT.size(1) - 1;
  const Tensor head_VD = model.embed_out_VD.detach().to(model.product_type);
  const Tensor hidden_ND = hidden_BTD.detach()
                               .narrow(1, 0, predictions)
                               .to(head_VD.scalar_type())
                               .reshape({-1, head_VD.size(1)});
  const Tensor targets_N =
      tokens_BT.narrow(1, 1, predictions).reshape({-1}).to(hidden_ND.device(), at::kLong);
  const bool trains = model.embed_out_VD.requires_grad();
  Tensor& head_sum_VD = model.config.tied_embeddings ? sum.embed_in_VD : sum.embed_out_VD;
  Tensor gradient_ND = at::empty_like(hidden_ND);
  const int64_t step = std::max(kHeadRowsMin, kHeadBlockBytes / (4 * head_VD.size(0)));
  for (int64_t first = 0; first < hidden_ND.size(0); first += step) {
    const int64_t count = std::min(step, hidden_ND.size(0) - first);
    const Tensor block_ND = hidden_ND.narrow(0, first, count);
    Tensor slope_NV = at::matmul(block_ND, head_VD.t());
    sum.loss += CrossEntropyBack(slope_NV, targets_N.narrow(0, first, count));
    Tensor out_ND = gradient_ND.narrow(0, first, count);
    at::mm_out(out_ND, slope_NV, head_VD);
    if (trains) {  // scaled where it is smallest
      SumFor(model.embed_out_VD, head_sum_VD).add_(at::mm(slope_NV.t(), block_ND), scale);
    }
  }
  gradient_ND.mul_(scale);
  Tensor result = at::zeros_like(hidden_BTD, hidden_BTD.options().requires_grad(false));
  result.narrow(1, 0, predictions)
      .copy_(gradient_ND.view({hidden_BTD.size(0), predictions, head_VD.size(1)}));
  return result;
}

// The blocks below this one train nothing: no graph is needed for them.
int64_t FirstTrained(const Transformer& model) {
  if (model.embed_in_VD.requires_grad()) return 0;
  int64_t layer = 0;
  while (layer < model.config.layer_count &&
         !model.blocks[static_cast<size_t>(layer)].attention_out.weight_OI.requires_grad()) {
    ++layer;
  }
  return layer;
}

// The stream after blocks [first, last).
Tensor RunBlocks(const Transformer& model, Tensor x_BTD, int64_t first, int64_t last,
                 const RotaryTable& rotation) {
  for (int64_t layer = first; layer < last; ++layer) {
    x_BTD = DecoderBlock(model, layer, x_BTD, rotation, nullptr);
  }
  return x_BTD;
}

}  // namespace

absl::Status AddGradients(const Transformer& model, const Tensor& tokens_BT,
                          const TrainingPassOptions& options, GradientSum& sum) {
  RETURN_IF_ERROR(CheckTokens(model.config, tokens_BT));
  if (tokens_BT.size(1) > model.config.context_length) {
    return ContextExceeded(tokens_BT.size(1), model.config.context_length,
                           "the model's context length");
  }
  const Tensor own_tokens_BT = tokens_BT.to(model.device());
  const RotaryTable rotation = model.rotary.Rows(0, tokens_BT.size(1));
  const int64_t blocks = model.config.layer_count;
  const int64_t first_trained = FirstTrained(model);
  const bool embedding_trains = model.embed_in_VD.requires_grad();

  // Where the graph is cut: the stream there is kept, what lies between is computed again.
  const int64_t segment = options.activation_checkpointing ? 1 : blocks;
  std::vector<int64_t> cuts = {first_trained};
  while (cuts.back() + segment < blocks) cuts.push_back(cuts.back() + segment);
  std::vector<Tensor> streams;
  {
    const at::NoGradGuard no_graph;
    Tensor x_BTD = at::embedding(model.embed_in_VD.detach(), own_tokens_BT);
    x_BTD = RunBlocks(model, std::move(x_BTD), 0, first_trained, rotation);
    streams.push_back(x_BTD);
    for (size_t i = 1; i < cuts.size(); ++i) {
      streams.push_back(RunBlocks(model, streams.back(), cuts[i - 1], cuts[i], rotation));
    }
  }

  Tensor gradient_BTD;
  for (size_t i = cuts.size(); i-- > 0;) {
    const Tensor in_BTD = streams[i].requires_grad_(true);
    streams.pop_back();
    const bool top = i + 1 == cuts.size();
    Tensor out_BTD = RunBlocks(model, in_BTD, cuts[i], top ? blocks : cuts[i + 1], rotation);
    if (top) {
      out_BTD = Norm(model.config, out_BTD, model.final_norm);
      gradient_BTD = HeadBack(model, out_BTD, own_tokens_BT, options.scale, sum);
    }
    out_BTD.backward(gradient_BTD);
    gradient_BTD = in_BTD.grad();
  }
  if (embedding_trains) {
    const at::NoGradGuard no_graph;
    SumFor(model.embed_in_VD, sum.embed_in_VD)
        .index_add_(0, own_tokens_BT.reshape({-1}),
                    gradient_BTD.reshape({-1, gradient_BTD.size(2)}).to(at::kFloat));
  }
  return absl::OkStatus();
}

void FinishGradients(const Transformer& model, GradientSum& sum) {
  const auto finish = [](const Tensor& weight_VD, Tensor& sum_VD) {
    if (!sum_VD.defined()) return;
    Tensor weight = weight_VD;  // a handle
    weight.mutable_grad() = sum_VD.to(weight_VD.scalar_type());
    sum_VD = Tensor();
  };
  finish(model.embed_in_VD, sum.embed_in_VD);
  finish(model.embed_out_VD, sum.embed_out_VD);
}

}  // namespace kalavai
