// One text, read and continued by a fused model: each expert's key/value cache, the gate, and the
// distribution of the next token over the whole vocabulary (design §3.3, §3.5):
//
//   probability   log p(x) = log Σ_i w_i p_i(x)
//   logit         log p(x) = log softmax_x(Σ_i w_i l_i(x))      (common/model/logit_mixture.h)
//
// with the gate's weights w, which learn from p_i of what was read in both.
//
//   const c10::InferenceMode inference;
//   FusedDecoder decoder(experts, router);
//   decoder.Restrict(allowed);
//   RETURN_IF_ERROR(decoder.ReadPrompt(prompt, tokens_max));
//   … decoder.LogProbs() …
//   RETURN_IF_ERROR(decoder.Advance(token));
//
// Experts that may not speak are not run: their weights are never read. Finite weights can overflow
// on a text: a specialist whose numbers are not finite is dropped for the rest of this text and
// told (Dropped), the others go on; without the base there is no answer. Not thread-safe; experts
// and router must outlive it. Errors: those of Forward, and of RouterSession::Read; INTERNAL
// BASE_NOT_FINITE. This header exposes tensors.
#ifndef KALAVAI_COORDINATOR_SERVING_FUSED_DECODER_H_
#define KALAVAI_COORDINATOR_SERVING_FUSED_DECODER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/forward.h"
#include "common/router/switching_gate.h"

namespace kalavai::coordinator {

class FusedDecoder {
 public:
  // `experts` [n], the base first; `router` of n experts.
  FusedDecoder(std::span<const Transformer> experts, const RouterParameters& router);

  // Who may speak from now on [n]; the base always may. An expert that was denied once stays out:
  // its cache has a gap.
  void Restrict(std::span<const uint8_t> allowed);

  // The first tokens of the text, at least one; the gate reads each that could be predicted. Once.
  // `tokens_max`: of the whole text.
  absl::Status ReadPrompt(std::span<const int32_t> tokens, int64_t tokens_max);
  // The next token of the text.
  absl::Status Advance(int32_t token);

  // float32 [V], on the host: log-probabilities of the next token; none is NaN or +infinity, and
  // some are finite.
  absl::StatusOr<at::Tensor> LogProbs() const;
  std::span<const double> Weights() const { return session_.Weights(); }  // [n]
  // [n] 1: left out since some token of this text, for numbers that were not finite.
  std::span<const uint8_t> Dropped() const { return dropped_; }

 private:
  struct Expert {
    KvCache cache;
    at::Tensor log_probs_V;  // float32: of the next token
    at::Tensor hidden_TD;    // float32: after what was read last; the base's only
  };

  at::Tensor Mix() const;
  void Deny(size_t index);
  absl::Status Drop(size_t index);
  absl::StatusOr<at::Tensor> Read(size_t index, std::span<const int32_t> tokens);

  const std::span<const Transformer> models_;
  const Mixture mixture_;
  RouterSession session_;
  std::vector<uint8_t> allowed_;
  std::vector<uint8_t> dropped_;
  std::vector<Expert> experts_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_FUSED_DECODER_H_
