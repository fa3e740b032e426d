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
#include "common/model/forward.h"
#include "common/model/model_directory.h"
#include "common/model/torch.h"
#include "common/model/weights.h"
#include "common/router/switching_gate.h"
#include "common/tokenizer/stop_filter.h"
#include "common/tokenizer/tokenizer.h"

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

at::Tensor TokensTensor(std::span<const int32_t> tokens) {
  std::vector<int64_t> wide(tokens.begin(), tokens.end());
  return at::tensor(wide, at::kLong).unsqueeze(0);
}

// Gate and sampler read memory of the host, wherever the experts compute.
at::Tensor OnHost(const at::Tensor& tensor) { return tensor.to(at::kFloat).cpu().contiguous(); }

std::span<const float> FloatsOf(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

}  // namespace

struct GenerationEngine::Loaded {
  std::vector<Transformer> experts;  // [n], the base first
  std::unique_ptr<Tokenizer> tokenizer;
  RouterParameters router;
};

// One request: every expert's cache and its log-probabilities of the next token.
class GenerationEngine::Generation {
 public:
  Generation(GenerationEngine& engine, const Loaded& model, const GenerationRequest& request)
      : engine_(engine),
        model_(model),
        request_(request),
        session_(model.router),
        sampler_(request.sampling),
        decoder_(*model.tokenizer),
        filter_(request.stop),
        allowed_(model.experts.size(), 1),
        share_(model.experts.size(), 0),
        experts_(model.experts.size()) {}

  absl::StatusOr<GenerationResult> Run() {
    const c10::InferenceMode inference;
    RETURN_IF_ERROR(Prepare());
    RETURN_IF_ERROR(ReadPrompt());
    engine_.prompt_tokens_ += static_cast<int64_t>(prompt_.size());
    std::string finish_reason = "length";
    int64_t made = 0;
    while (made < request_.output_tokens_max) {
      UpdateAllowed();
      const int32_t token = Draw();
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
      if (made < request_.output_tokens_max) RETURN_IF_ERROR(Advance(token));
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
    return result;
  }

 private:
  struct Expert {
    KvCache cache;
    at::Tensor log_probs_V;  // float32: of the next token
    at::Tensor hidden_TD;    // float32: after what was read last; the base's only
  };

  // The base's config.json may name several tokens (the end of a turn, of a text); training packs
  // documents with the tokenizer's own.
  bool EndsText(int32_t token) const {
    const std::vector<int64_t>& ends = model_.experts.front().config.eos_token_ids;
    return model_.tokenizer->EndOfTextId() == token ||
           std::find(ends.begin(), ends.end(), token) != ends.end();
  }

  bool Show(const std::string& text) { return text.empty() || request_.on_text(text); }

  absl::Status Prepare() {
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
    UpdateAllowed();
    for (size_t i = 0; i < experts_.size(); ++i) {
      if (allowed_[i] == 0) continue;
      const Transformer& expert = model_.experts[i];
      ASSIGN_OR_RETURN(experts_[i].cache, NewKvCache(expert.config, expert.weight_type(), 1, needed,
                                                     {}, expert.device()));
    }
    return absl::OkStatus();
  }

  // An expert that was denied once stays out: its cache has a gap.
  void UpdateAllowed() {
    const std::vector<uint8_t> now = request_.allowed();
    bool changed = first_;
    for (size_t i = 1; i < allowed_.size(); ++i) {
      if (allowed_[i] == 0 || (i < now.size() && now[i] != 0)) continue;
      allowed_[i] = 0;
      experts_[i] = {};
      changed = true;
    }
    first_ = false;
    if (changed) session_.SetAllowed(allowed_);
  }

  // Runs one expert over `tokens` after what it has read; keeps the next token's log-probabilities.
  absl::StatusOr<at::Tensor> Read(size_t index, std::span<const int32_t> tokens) {
    const Transformer& expert = model_.experts[index];
    ForwardOptions options;
    options.logits = LogitsWanted::kNone;
    ASSIGN_OR_RETURN(const ForwardResult result,
                     Forward(expert, TokensTensor(tokens), &experts_[index].cache, options));
    const at::Tensor last = result.hidden_BTD.slice(1, -1);
    ASSIGN_OR_RETURN(const at::Tensor log_probs, LogProbsOfVocabulary(expert, last));
    experts_[index].log_probs_V = OnHost(log_probs.reshape({-1}));
    if (index == 0) {
      experts_[0].hidden_TD = OnHost(result.hidden_BTD.squeeze(0));
    }
    return result.hidden_BTD;
  }

  // Prefill; the gate reads every prompt token that could be predicted.
  absl::Status ReadPrompt() {
    const size_t predicted = prompt_.size() - 1;
    std::vector<float> log_p(predicted * experts_.size(), 0);
    for (size_t i = 0; i < experts_.size(); ++i) {
      if (allowed_[i] == 0) continue;
      ASSIGN_OR_RETURN(const at::Tensor hidden_BTD, Read(i, prompt_));
      if (predicted == 0) continue;
      ASSIGN_OR_RETURN(
          const at::Tensor of_targets,
          LogProbsOfTargets(model_.experts[i],
                            hidden_BTD.slice(1, 0, static_cast<int64_t>(predicted)),
                            TokensTensor(std::span<const int32_t>(prompt_).subspan(1))));
      const at::Tensor flat = OnHost(of_targets.reshape({-1}));
      const std::span<const float> values = FloatsOf(flat);
      for (size_t t = 0; t < predicted; ++t) log_p[t * experts_.size() + i] = values[t];
    }
    const std::span<const float> states = FloatsOf(experts_[0].hidden_TD);
    const size_t width = states.size() / prompt_.size();
    for (size_t t = 0; t < predicted; ++t) {
      const std::span<const float> row =
          std::span<const float>(log_p).subspan(t * experts_.size(), experts_.size());
      RETURN_IF_ERROR(session_.Read(row, states.subspan((t + 1) * width, width)).status());
    }
    return absl::OkStatus();
  }

  // The gate's mixture over the vocabulary, and a token from it.
  int32_t Draw() {
    const std::span<const double> weights = session_.Weights();
    std::vector<at::Tensor> weighted;
    for (size_t i = 0; i < experts_.size(); ++i) {
      share_[i] += weights[i];
      if (allowed_[i] == 0 || weights[i] <= 0) continue;
      weighted.push_back(experts_[i].log_probs_V.to(at::kDouble) + std::log(weights[i]));
    }
    const at::Tensor mixed_V = at::logsumexp(at::stack(weighted), 0).to(at::kFloat).contiguous();
    return sampler_.Next(FloatsOf(mixed_V));
  }

  // All experts read the token; the gate learns from what each expected.
  absl::Status Advance(int32_t token) {
    std::vector<float> log_p(experts_.size(), 0);
    for (size_t i = 0; i < experts_.size(); ++i) {
      if (allowed_[i] == 0) continue;
      log_p[i] = FloatsOf(experts_[i].log_probs_V)[static_cast<size_t>(token)];
      RETURN_IF_ERROR(Read(i, std::span<const int32_t>(&token, 1)).status());
    }
    return session_.Read(log_p, FloatsOf(experts_[0].hidden_TD)).status();
  }

  GenerationEngine& engine_;
  const Loaded& model_;
  const GenerationRequest& request_;
  RouterSession session_;
  Sampler sampler_;
  StreamingDecoder decoder_;
  StopFilter filter_;
  std::vector<int32_t> prompt_;
  std::vector<uint8_t> allowed_;
  std::vector<double> share_;
  std::vector<Expert> experts_;
  bool first_ = true;
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
