#include "common/model/loss.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kRowsAtOnceBytes = 32 * 1024 * 1024;  // float32 log-probabilities of one model

absl::Status CheckBatch(int64_t batch) {
  if (batch >= 1) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "CHUNKS_INVALID",
                   {.what = absl::StrCat("batch: ", batch, " found; must be at least 1"),
                    .why = "an evaluation runs whole chunks",
                    .fix = "use a batch of 1 or more"});
}

std::span<const float> FloatsOf(const Tensor& contiguous) {
  if (!contiguous.defined()) return {};
  return {contiguous.const_data_ptr<float>(), static_cast<size_t>(contiguous.numel())};
}

// In memory of the host, wherever the model computes.
Tensor AsFloats(const Tensor& tensor) {
  return tensor.defined() ? tensor.to(at::kFloat).cpu().contiguous() : tensor;
}

// Runs `work(first_chunk, tokens_BT)` for every batch, without a graph.
template <typename Work>
absl::Status ForBatches(ChunkSpan chunks, int64_t batch, const Work& work) {
  RETURN_IF_ERROR(Validate(chunks));
  RETURN_IF_ERROR(CheckBatch(batch));
  const c10::InferenceMode inference;
  for (int64_t first = 0; first < chunks.count(); first += batch) {
    const int64_t count = std::min(batch, chunks.count() - first);
    RETURN_IF_ERROR(work(first, TokensOf(chunks, first, count)));
  }
  return absl::OkStatus();
}

// Σ_n Σ_v p (log p − log q) over rows of the two hidden states.
absl::StatusOr<double> KlSum(const Transformer& model, const Tensor& hidden_ND,
                             const Transformer& reference, const Tensor& reference_ND) {
  const int64_t rows = hidden_ND.size(0);
  const int64_t step = std::max<int64_t>(1, kRowsAtOnceBytes / (4 * model.config.vocab_size));
  double sum = 0.0;
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t count = std::min(step, rows - first);
    ASSIGN_OR_RETURN(const Tensor p,
                     LogProbsOfVocabulary(model, hidden_ND.narrow(0, first, count)));
    ASSIGN_OR_RETURN(const Tensor q,
                     LogProbsOfVocabulary(reference, reference_ND.narrow(0, first, count)));
    sum += (p.exp() * (p - q)).sum(at::kDouble).item<double>();
  }
  return sum;
}

}  // namespace

absl::Status Validate(ChunkSpan chunks) {
  const int64_t tokens = static_cast<int64_t>(chunks.tokens.size());
  if (chunks.chunk_length >= 2 && tokens > 0 && tokens % chunks.chunk_length == 0) {
    return absl::OkStatus();
  }
  return MakeError(
      absl::StatusCode::kInvalidArgument, "CHUNKS_INVALID",
      {.what = absl::StrCat("chunks: ", tokens, " tokens in chunks of ", chunks.chunk_length,
                            " found; must be whole chunks, at least one, of at least 2 tokens"),
       .why = "every prediction is made inside a chunk",
       .fix = "pack the text into chunks of one length",
       .metadata = {{"tokens", absl::StrCat(tokens)},
                    {"chunk_length", absl::StrCat(chunks.chunk_length)}}});
}

Tensor TokensOf(ChunkSpan chunks, int64_t first, int64_t count) {
  Tensor tokens_BT = at::empty({count, chunks.chunk_length}, at::kLong);
  const auto source = chunks.tokens.subspan(static_cast<size_t>(first * chunks.chunk_length),
                                            static_cast<size_t>(count * chunks.chunk_length));
  std::copy(source.begin(), source.end(), tokens_BT.mutable_data_ptr<int64_t>());
  return tokens_BT;
}

absl::Status TokenLogProbs(const Transformer& model, ChunkSpan chunks,
                           const TokenLogProbsOptions& options, const TokenBatchVisitor& visitor) {
  return CatchTorch("token log-probabilities", [&]() -> absl::Status {
    return ForBatches(chunks, options.batch, [&](int64_t first, const Tensor& tokens_BT) {
      const int64_t predictions = chunks.chunk_length - 1;
      auto forward = Forward(model, tokens_BT, nullptr,
                             {.logits = LogitsWanted::kNone, .trunk_depth = options.trunk_depth});
      if (!forward.ok()) return forward.status();
      const auto log_probs = LogProbsOfTargets(model, forward->hidden_BTD.narrow(1, 0, predictions),
                                               tokens_BT.narrow(1, 1, predictions));
      if (!log_probs.ok()) return log_probs.status();
      const Tensor log_probs_BT = AsFloats(*log_probs);
      const Tensor hidden_BTD = options.hidden ? AsFloats(forward->hidden_BTD) : Tensor();
      const Tensor trunk_BTD = options.trunk_depth >= 0 ? AsFloats(forward->trunk_BTD) : Tensor();
      return visitor({.first_chunk = first,
                      .chunk_count = tokens_BT.size(0),
                      .log_probs = FloatsOf(log_probs_BT),
                      .hidden = FloatsOf(hidden_BTD),
                      .trunk = FloatsOf(trunk_BTD)});
    });
  });
}

absl::StatusOr<double> MeanLoss(const Transformer& model, ChunkSpan chunks, int64_t batch) {
  double sum = 0.0;
  RETURN_IF_ERROR(TokenLogProbs(model, chunks, {.batch = batch}, [&](const TokenBatch& result) {
    for (const float log_prob : result.log_probs) sum -= static_cast<double>(log_prob);
    return absl::OkStatus();
  }));
  return sum / static_cast<double>(chunks.count() * (chunks.chunk_length - 1));
}

absl::StatusOr<double> MeanKlDivergence(const Transformer& model, const Transformer& reference,
                                        ChunkSpan chunks, int64_t batch) {
  if (model.config.vocab_size != reference.config.vocab_size) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "SHAPE_MISMATCH",
        {.what = absl::StrCat("vocabularies of ", model.config.vocab_size, " and ",
                              reference.config.vocab_size, " tokens found; must be equal"),
         .why = "a divergence compares two distributions over the same tokens",
         .fix = "compare a specialist with its own base"});
  }
  double sum = 0.0;
  RETURN_IF_ERROR(CatchTorch("divergence", [&]() -> absl::Status {
    return ForBatches(chunks, batch, [&](int64_t, const Tensor& tokens_BT) -> absl::Status {
      const ForwardOptions hidden_only = {.logits = LogitsWanted::kNone};
      ASSIGN_OR_RETURN(const ForwardResult a, Forward(model, tokens_BT, nullptr, hidden_only));
      ASSIGN_OR_RETURN(const ForwardResult b, Forward(reference, tokens_BT, nullptr, hidden_only));
      const auto rows = [&](const ForwardResult& result) {
        const Tensor used_BTD = result.hidden_BTD.narrow(1, 0, chunks.chunk_length - 1);
        return used_BTD.reshape({-1, used_BTD.size(2)});
      };
      ASSIGN_OR_RETURN(const double part, KlSum(model, rows(a), reference, rows(b)));
      sum += part;
      return absl::OkStatus();
    });
  }));
  return sum / static_cast<double>(chunks.count() * (chunks.chunk_length - 1));
}

}  // namespace kalavai
