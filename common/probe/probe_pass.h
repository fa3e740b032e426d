// Runs one model over the probe text: the only expensive step of a fusion, once a model
// (design §3.2).
//
//   ASSIGN_OR_RETURN(const ProbeCache cache,
//                    RunProbePass(dir, digest, probe, {.features = true, .progress = show}));
//
// Weights are computed with in float32 whatever their type on disk, so that models stored
// differently are compared alike; matrix products in bfloat16 where the options say so.
// Bit-repeatable for a thread count (common/model/determinism.h).
// This header names no tensor: any file may call it. Threads: one pass at a time per model; the
// tensor library uses its own threads inside.
#ifndef KALAVAI_COMMON_PROBE_PROBE_PASS_H_
#define KALAVAI_COMMON_PROBE_PROBE_PASS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/device.h"
#include "common/probe/probe_cache.h"
#include "common/probe/probe_text.h"

namespace kalavai {

struct ProbePassOptions {
  // Keep the gate's features: wanted for the base, useless for specialists.
  bool features = false;
  // The features' layer: −1 the final hidden state; K ≥ 0 the stream after K blocks (a frozen trunk
  // shared by base and specialists).
  int64_t feature_depth = -1;
  Device device = Device::kCpu;  // from OpenDevice
  // Three times as fast where the processor has bfloat16, for errors of some 0.001 nats a token.
  // The cache's key tells it: arrays of both kinds are never mixed.
  bool bfloat16_products = false;
  // File to keep the pass in while it runs (probe_journal.h): a pass that was ended in any way goes
  // on from its last whole batch, to the same bits. "": nothing is kept. The caller removes it once
  // the cache is written; MeasureModel does.
  std::string journal_path = {};
  // MeasureModel: when another process makes the same pass, wait for it rather than refuse.
  bool wait = true;
  // Called after every batch, and with 0 now and then while another process is waited for; a status
  // ends the pass and is returned (e.g. InterruptedError).
  std::function<absl::Status(int64_t chunks_done, int64_t chunks)> progress = {};
  // MeasureModel: asked when the cache is written, still alone; a status takes it back and is
  // returned.
  std::function<absl::Status()> confirm = {};
};

// `dir`: config.json and safetensors; `model_digest`: its OMS root digest (hex), taken over into
// the key. Errors: those of LoadTransformer; FAILED_PRECONDITION TOKENIZER_MISMATCH when the probe
// text has a token the model has no embedding for; WEIGHTS_NOT_FINITE when a log-probability is NaN
// or infinite (overflow in finite weights); OUT_OF_MEMORY; what `progress` returned.
absl::StatusOr<ProbeCache> RunProbePass(const std::string& dir, const std::string& model_digest,
                                        const ProbeText& probe, const ProbePassOptions& options);

// The cache file `path` if it is there and whole; else a pass, resumed from its journal
// "`path`.partial" if there is one (options.journal_path is not read), whose result is written to
// `path`. One process at a time: "`path`.lock" (common/storage/file_lock.h). Errors: those of
// RunProbePass, ProbeJournal and WriteProbeCache; UNAVAILABLE PROBE_PASS_HELD (metadata `holder`)
// unless options.wait; a damaged cache is no error, it is made again.
absl::StatusOr<ProbeCache> MeasureModel(const std::string& dir, const std::string& path,
                                        const std::string& model_digest, const ProbeText& probe,
                                        const ProbePassOptions& options);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_PROBE_PASS_H_
