// The engine: one thread owns the models; requests queue in, text streams out (design §4).
//
// Policy `dense`: the base and every specialist of the model that may speak read the prompt and
// every generated token; the switching gate weighs them, their probabilities or logits are mixed
// over the full vocabulary, as the router says (fused_decoder.h), the sampler draws from it, and
// the gate reads the token that was drawn. It reads the prompt, too, so it knows who speaks before
// the first generated token. Each expert has its own key/value cache. Experts that may not speak
// are not run: their weights are never read, from the next token on. A specialist that overflows on
// a text is left out of the rest of it, and the usage says so.
//
// The same model, prompt, settings and seed give the same text (for a thread count).
// Thread-safe. Callbacks run on the engine's thread and must be quick. This header names no tensor.
// Errors:
//   RESOURCE_EXHAUSTED QUEUE_FULL       limits::kGenerationQueueMax requests wait
//   UNAVAILABLE        MODEL_NOT_READY  the model is not loaded (yet)
//   UNAVAILABLE        SHUTTING_DOWN
//   INTERNAL           BASE_NOT_FINITE  the base overflows on this text; what was made is lost
//   INVALID_ARGUMENT   PROMPT_EMPTY, PROMPT_TOO_LONG (prompt and answer exceed the context),
//                      SAMPLING_INVALID, TEXT_NOT_UTF8
#ifndef KALAVAI_COORDINATOR_SERVING_GENERATION_ENGINE_H_
#define KALAVAI_COORDINATOR_SERVING_GENERATION_ENGINE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "common/model/device.h"
#include "common/model/sampler.h"
#include "common/router/router_parameters.h"

namespace kalavai::coordinator {

// What to load.
struct EngineModel {
  std::string name;                             // resource name
  std::vector<std::string> expert_directories;  // [n] checkpoints, the base (with tokenizer) first
  RouterParameters router;                      // of n experts
};

struct GenerationUsage {
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  std::vector<double> expert_share;  // [n] mean weight over the generated tokens; sums to 1
  std::vector<uint8_t> dropped;      // [n] 1: left out, its numbers were not finite on this text
};

struct GenerationResult {
  std::string finish_reason;  // "stop" (end of text or a stop string) or "length"
  GenerationUsage usage;
};

struct GenerationRequest {
  std::string model;
  std::string prompt;
  int64_t output_tokens_max = 64;
  SamplerOptions sampling;
  std::vector<std::string> stop;
  // [n] who may speak, asked before every token; the base always may.
  std::function<std::vector<uint8_t>()> allowed;
  // Text as it comes, whole characters; false ends the generation (the caller went away).
  std::function<bool(absl::string_view)> on_text;
  // Once, last.
  std::function<void(absl::StatusOr<GenerationResult>)> on_done;
};

class GenerationEngine {
 public:
  // `threads` inside one tensor operation; `device` from OpenDevice.
  explicit GenerationEngine(int64_t threads, Device device = Device::kCpu);
  ~GenerationEngine();  // Stop()
  GenerationEngine(const GenerationEngine&) = delete;
  GenerationEngine& operator=(const GenerationEngine&) = delete;

  // Loads on the engine's thread, then calls `on_done`. A model of that name is replaced.
  absl::Status Load(EngineModel model, std::function<void(absl::Status)> on_done);
  // Frees a model's memory after the work that is queued before.
  absl::Status Unload(absl::string_view model);
  bool IsReady(absl::string_view model) const;

  // Queues a request; on_done is called unless this fails.
  absl::Status Submit(GenerationRequest request);

  struct Counts {
    int64_t waiting = 0;        // requests and loads that wait for the engine
    int64_t refused = 0;        // with QUEUE_FULL, since the process began; so the tokens, whatever
    int64_t prompt_tokens = 0;  // became of their answers
    int64_t output_tokens = 0;
  };
  Counts counts() const;

  // Ends the generation under way, fails what waits with SHUTTING_DOWN, joins. Idempotent.
  void Stop();

 private:
  struct Loaded;     // weights, tokenizer and router
  class Generation;  // one request being answered
  using Task = std::function<void()>;

  absl::Status Enqueue(Task task, Task refuse, int64_t waiting_max);
  void Run();
  absl::Status LoadNow(const EngineModel& model);
  void GenerateNow(const GenerationRequest& request);

  const int64_t threads_;
  const Device device_;
  mutable absl::Mutex mutex_;
  struct Queued {
    Task run;
    Task refuse;  // called instead of `run` when the engine stops
  };
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<int64_t> prompt_tokens_ = 0;
  std::atomic<int64_t> output_tokens_ = 0;
  std::map<std::string, bool, std::less<>> ready_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Loaded>, std::less<>> models_;  // the engine's thread only
  std::thread thread_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_GENERATION_ENGINE_H_
