// Judges mixtures of logits on probe text (design §3.5). The caches hold only the true token's
// log-probability, and softmax(Σ_i w_i l_i) needs every token's, of all models at once:
//
//   log p(y) = Σ_i w_i l_i(y) - log Σ_v exp Σ_i w_i l_i(v)
//
//   ASSIGN_OR_RETURN(const auto log_prob, RunLogitPass(models, probe, arrays.chunks(), texts, …));
//
// Each chunk is read once by each model, however many texts and gates it is part of. Memory: all
// models in float32, as serving them takes, and at most about 400 MB of distributions.
// Bit-repeatable for a thread count, resumed passes included. This header names no tensor. Threads:
// as probe_pass.h.
#ifndef KALAVAI_COMMON_PROBE_LOGIT_PASS_H_
#define KALAVAI_COMMON_PROBE_LOGIT_PASS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/device.h"
#include "common/model/model_config.h"
#include "common/probe/probe_text.h"
#include "common/router/router_texts.h"

namespace kalavai {

// An expert: where its checkpoint lies, and the OMS root digest of it (hex).
struct LogitPassModel {
  std::string directory;
  std::string digest;
};

// A text and what a gate weighs the experts with while it is predicted.
struct WeighedText {
  TextSource source;           // positions in `chunks`
  std::vector<float> weights;  // [T][n]; rows sum to 1
};

struct LogitPassOptions {
  Device device = Device::kCpu;  // from OpenDevice
  // File to keep the pass in while it runs (probe_journal.h): one that was ended in any way goes on
  // from the last chunk it had read, if models, texts and weights are the same. "": nothing is
  // kept. The caller removes it.
  std::string journal_path = {};
  // Called after every chunk; a status ends the pass and is returned.
  std::function<absl::Status(int64_t chunks_done, int64_t chunks)> progress = {};
};

// Bytes that the pass over `models` models of this shape needs at once: their weights in float32,
// one model's activations on a chunk, whole distributions of a block of positions. Within about
// 10 %. The config must be valid.
int64_t LogitPassBytes(const ModelConfig& config, int64_t models, int64_t chunk_tokens);

// log p of the T tokens of every text that can be predicted, nats: [texts][T]. `models`: the base
// first; `chunks`: indices into the probe text (ProbeArrays::chunks()). T = chunk_tokens - 1.
// Errors: those of LoadTransformer and ProbeJournal; WEIGHTS_NOT_FINITE when a log-probability is
// NaN or infinite; OUT_OF_MEMORY; what `progress` returned.
absl::StatusOr<std::vector<std::vector<float>>> RunLogitPass(std::span<const LogitPassModel> models,
                                                             const ProbeText& probe,
                                                             std::span<const int32_t> chunks,
                                                             std::span<const WeighedText> texts,
                                                             const LogitPassOptions& options);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_LOGIT_PASS_H_
