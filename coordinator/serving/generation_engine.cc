#include "coordinator/serving/generation_engine.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/model/model_directory.h"
#include "common/model/torch.h"
#include "common/model/weights.h"
#include "common/tokenizer/stop_filter.h"
#include "common/tokenizer/tokenizer.h"
#include "coordinator/serving/fused_decoder.h"

namespace kalavai::coordinator {
namespace {

absl::Status ShuttingDown() {
  return MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                   {.what = "generation: the server is stopping", .fix = "try again in a minute"});
}

absl::Status NotReady(absl::string_view model) {
  return MakeError(absl::StatusCode::kUnavailable, "MODEL_NOT_READY",
                   {.what = absl::StrCat(model, ": is not loaded yet"),
                    .fix = "try again in a few seconds",
                    .metadata = {{"model", std::string(model)}}});
}

}  // namespace

struct GenerationEngine::Loaded {
  std::vector<Transformer> experts;  // [n], the base first
  std::unique_ptr<Tokenizer> tokenizer;
  RouterParameters router;
};

// One request, and the text it is answered with.
class GenerationEngine::Generation {
 public:
  Generation(GenerationEngine& engine, const Loaded& model, const GenerationRequest& request)
      : engine_(engine),
        model_(model),
        request_(request),
        text_(model.experts, model.router),
        sampler_(request.sampling),
        decoder_(*model.tokenizer),
        filter_(request.stop),
        share_(model.experts.size(), 0) {}

  absl::StatusOr<GenerationResult> Run() {
    const c10::InferenceMode inference;
    RETURN_IF_ERROR(ReadPrompt());
    engine_.prompt_tokens_ += static_cast<int64_t>(prompt_.size());
    std::string finish_reason = "length";
    int64_t made = 0;
    while (made < request_.output_tokens_max) {
      text_.Restrict(request_.allowed());
      ASSIGN_OR_RETURN(const int32_t token, Draw());
      ++made;
      ++engine_.output_tokens_;
      if (EndsText(token)) {
        finish_reason = "stop";
        break;
      }
      ASSIGN_OR_RETURN(const std::string text, decoder_.Push(token));
      if (!Show(filter_.Push(text))) return absl::CancelledError("the caller went away");
      if (filter_.stopped()) {
        finish_reason = "stop";
        break;
      }
      if (made < request_.output_tokens_max) RETURN_IF_ERROR(text_.Advance(token));
    }
    if (!filter_.stopped()) {
      Show(filter_.Push(decoder_.Finish()));
      Show(filter_.Finish());
    }
    GenerationResult result{.finish_reason = finish_reason, .usage = {}};
    result.usage.prompt_tokens = static_cast<int64_t>(prompt_.size());
    result.usage.output_tokens = made;
    for (double& share : share_) share /= static_cast<double>(std::max<int64_t>(made, 1));
    result.usage.expert_share = share_;
    result.usage.dropped.assign(text_.Dropped().begin(), text_.Dropped().end());
    return result;
  }

 private:
  // The base's config.json may name several tokens (the end of a turn, of a text); training packs
  // documents with the tokenizer's own.
  bool EndsText(int32_t token) const {
    const std::vector<int64_t>& ends = model_.experts.front().config.eos_token_ids;
    return model_.tokenizer->EndOfTextId() == token ||
           std::find(ends.begin(), ends.end(), token) != ends.end();
  }

  bool Show(const std::string& text) { return text.empty() || request_.on_text(text); }

  absl::Status ReadPrompt() {
    ASSIGN_OR_RETURN(prompt_, model_.tokenizer->Encode(request_.prompt));
    if (prompt_.empty()) {
      return MakeError(absl::StatusCode::kInvalidArgument, "PROMPT_EMPTY",
                       {.what = "prompt: holds no text; must hold some"});
    }
    const int64_t context = model_.experts.front().config.context_length;
    const auto needed = static_cast<int64_t>(prompt_.size()) + request_.output_tokens_max;
    if (needed > context) {
      return MakeError(absl::StatusCode::kInvalidArgument, "PROMPT_TOO_LONG",
                       {.what = absl::StrCat("prompt of ", prompt_.size(), " tokens and answer of ",
                                             request_.output_tokens_max, ": ", needed,
                                             " tokens; must be at most ", context),
                        .fix = "shorten the prompt, or ask for fewer tokens",
                        .metadata = {{"prompt_tokens", absl::StrCat(prompt_.size())},
                                     {"context_tokens", absl::StrCat(context)}}});
    }
    text_.Restrict(request_.allowed());
    return text_.ReadPrompt(prompt_, needed);
  }

  absl::StatusOr<int32_t> Draw() {
    const std::span<const double> weights = text_.Weights();
    for (size_t i = 0; i < share_.size(); ++i) share_[i] += weights[i];
    ASSIGN_OR_RETURN(const at::Tensor log_probs_V, text_.LogProbs());
    return sampler_.Next(
        {log_probs_V.const_data_ptr<float>(), static_cast<size_t>(log_probs_V.numel())});
  }

  GenerationEngine& engine_;
  const Loaded& model_;
  const GenerationRequest& request_;
  FusedDecoder text_;
  Sampler sampler_;
  StreamingDecoder decoder_;
  StopFilter filter_;
  std::vector<int32_t> prompt_;
  std::vector<double> share_;
};

GenerationEngine::GenerationEngine(int64_t threads, Device device)
    : threads_(threads), device_(device), thread_([this] { Run(); }) {}

GenerationEngine::~GenerationEngine() { Stop(); }

void GenerationEngine::Stop() {
  std::deque<Queued> waiting;
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waiting.swap(queue_);
  }
  for (Queued& queued : waiting) queued.refuse();
  if (thread_.joinable()) thread_.join();
}

absl::Status GenerationEngine::Enqueue(Task task, Task refuse, int64_t waiting_max) {
  const absl::MutexLock lock(&mutex_);
  if (stopping_) return ShuttingDown();
  if (static_cast<int64_t>(queue_.size()) >= waiting_max) {
    ++refused_;
    return MakeError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
                     {.what = absl::StrCat("generation: ", queue_.size(), " requests wait"),
                      .fix = "try again in a minute"});
  }
  queue_.push_back({.run = std::move(task), .refuse = std::move(refuse)});
  return absl::OkStatus();
}

GenerationEngine::Counts GenerationEngine::counts() const {
  const absl::MutexLock lock(&mutex_);
  return {.waiting = static_cast<int64_t>(queue_.size()),
          .refused = refused_,
          .prompt_tokens = prompt_tokens_,
          .output_tokens = output_tokens_};
}

void GenerationEngine::Run() {
  // A failure leaves the library's default: slower or faster, never wrong.
  const bool threads_set = SetThreads(threads_).ok();
  static_cast<void>(threads_set);
  for (;;) {
    Queued next;
    {
      const absl::MutexLock lock(&mutex_);
      const auto wake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || !queue_.empty();
      };
      mutex_.Await(absl::Condition(&wake));
      if (stopping_) break;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    next.run();
  }
  models_.clear();
}

absl::Status GenerationEngine::Load(EngineModel model, std::function<void(absl::Status)> on_done) {
  return Enqueue(
      [this, model = std::move(model), on_done] {
        const absl::Status status = LoadNow(model);
        if (status.ok()) {
          const absl::MutexLock lock(&mutex_);
          ready_[model.name] = true;
        }
        on_done(status);
      },
      [on_done] { on_done(ShuttingDown()); }, limits::kGenerationQueueMax * 2);
}

absl::Status GenerationEngine::LoadNow(const EngineModel& model) {
  auto loaded = std::make_unique<Loaded>();
  RETURN_IF_ERROR(ValidateRouter(model.router));
  if (static_cast<size_t>(model.router.experts) != model.expert_directories.size()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "ROUTER_INVALID",
        {.what = absl::StrCat(model.name, ": router of ", model.router.experts,
                              " experts; must be of ", model.expert_directories.size())});
  }
  loaded->router = model.router;
  ASSIGN_OR_RETURN(loaded->tokenizer, Tokenizer::Load(absl::StrCat(model.expert_directories.front(),
                                                                   "/tokenizer.json")));
  for (const std::string& directory : model.expert_directories) {
    LoadOptions options;
    options.type = WeightType::kFloat32;  // as the probe pass computed
    options.device = device_;
    ASSIGN_OR_RETURN(Transformer expert, LoadTransformer(directory, options));
    RETURN_IF_ERROR(
        CheckVocabulary(absl::StrCat(model.expert_directories.front(), "/tokenizer.json"),
                        *loaded->tokenizer, expert.config));
    loaded->experts.push_back(std::move(expert));
  }
  models_.insert_or_assign(model.name, std::move(loaded));
  return absl::OkStatus();
}

absl::Status GenerationEngine::Unload(absl::string_view model) {
  return Enqueue(
      [this, name = std::string(model)] {
        models_.erase(name);
        ReturnFreedMemory();
        const absl::MutexLock lock(&mutex_);
        ready_.erase(name);
      },
      [] {}, limits::kGenerationQueueMax * 2);
}

bool GenerationEngine::IsReady(absl::string_view model) const {
  const absl::MutexLock lock(&mutex_);
  return ready_.find(model) != ready_.end();
}

absl::Status GenerationEngine::Submit(GenerationRequest request) {
  RETURN_IF_ERROR(Validate(request.sampling));
  if (!IsReady(request.model)) return NotReady(request.model);
  const auto refuse = [on_done = request.on_done] { on_done(ShuttingDown()); };
  return Enqueue([this, request = std::move(request)] { GenerateNow(request); }, refuse,
                 limits::kGenerationQueueMax);
}

void GenerationEngine::GenerateNow(const GenerationRequest& request) {
  const auto found = models_.find(request.model);
  if (found == models_.end()) {
    request.on_done(NotReady(request.model));
    return;
  }
  // The server's stop ends the answer under way at its next token.
  GenerationRequest guarded = request;
  guarded.on_text = [this, &request](absl::string_view text) {
    {
      const absl::MutexLock lock(&mutex_);
      if (stopping_) return false;
    }
    return request.on_text(text);
  };
  request.on_done(CatchTorch("generate", [&]() -> absl::StatusOr<GenerationResult> {
    return Generation(*this, *found->second, guarded).Run();
  }));
}

}  // namespace kalavai::coordinator
