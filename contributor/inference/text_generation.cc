#include "contributor/inference/text_generation.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/forward.h"
#include "common/model/model_directory.h"
#include "common/model/torch.h"
#include "common/model/weights.h"
#include "common/tokenizer/stop_filter.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai::contributor {
namespace {

absl::Status CheckOptions(const TextGenerationOptions& options) {
  RETURN_IF_ERROR(Validate(options.sampling));
  if (options.tokens_max >= 1) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
      {.what = absl::StrCat("tokens_max: ", options.tokens_max, " found; must be at least 1"),
       .fix = "ask for one token or more",
       .metadata = {{"field", "tokens_max"}}});
}

absl::StatusOr<std::vector<int32_t>> EncodePrompt(const std::string& directory,
                                                  const ModelDirectory& opened,
                                                  const std::string& prompt) {
  const absl::StatusOr<std::vector<int32_t>> ids = opened.tokenizer->Encode(prompt);
  if (!ids.ok()) return Annotate(ids.status(), "prompt");
  if (ids->empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROMPT_EMPTY",
                     {.what = "prompt: no token found; must hold some text",
                      .why = "a model predicts what follows a text",
                      .fix = "pass some text, or the model's begin-of-text token as it is written, "
                             "e.g. '<|endoftext|>'"});
  }
  const int64_t context = opened.config.context_length;
  const auto tokens = static_cast<int64_t>(ids->size());
  if (tokens < context) return *ids;
  return MakeError(
      absl::StatusCode::kInvalidArgument, "CONTEXT_EXCEEDED",
      {.what = absl::StrCat("prompt: ", tokens, " tokens found; must be at most ", context - 1,
                            ", one less than the context of ", directory),
       .why = "positions beyond the context were never trained, and the answer needs one",
       .fix = "shorten the prompt",
       .metadata = {{"actual", absl::StrCat(tokens)}, {"max", absl::StrCat(context - 1)}}});
}

std::vector<int64_t> EndTokens(const ModelDirectory& opened) {
  if (!opened.config.eos_token_ids.empty()) return opened.config.eos_token_ids;
  const std::optional<int32_t> end = opened.tokenizer->EndOfTextId();
  return end.has_value() ? std::vector<int64_t>{*end} : std::vector<int64_t>{};
}

at::Tensor TokensTensor(std::span<const int32_t> tokens) {
  const std::vector<int64_t> wide(tokens.begin(), tokens.end());
  return at::tensor(wide, at::kLong).unsqueeze(0);
}

class Generation {
 public:
  Generation(const ModelDirectory& opened, const Transformer& model,
             const TextGenerationOptions& options)
      : model_(model),
        options_(options),
        ends_(EndTokens(opened)),
        sampler_(options.sampling),
        decoder_(*opened.tokenizer),
        filter_(options.stop),
        tokenizer_(*opened.tokenizer) {}

  absl::StatusOr<GeneratedText> Run(std::span<const int32_t> prompt) {
    const c10::InferenceMode inference;
    const auto read = static_cast<int64_t>(prompt.size());
    const int64_t tokens_max = std::min(options_.tokens_max, model_.config.context_length - read);
    ASSIGN_OR_RETURN(cache_, NewKvCache(model_.config, model_.weight_type(), 1, read + tokens_max,
                                        {}, model_.device()));
    result_ = {.finish_reason = "length", .prompt_tokens = read};
    RETURN_IF_ERROR(ReadPromptText(prompt));
    std::vector<int32_t> next(prompt.begin(), prompt.end());
    for (int64_t made = 0; made < tokens_max && result_.finish_reason != "stop"; ++made) {
      ASSIGN_OR_RETURN(const int32_t token, Draw(next));
      RETURN_IF_ERROR(Take(token));
      next.assign(1, token);
    }
    if (!filter_.stopped()) {
      RETURN_IF_ERROR(Show(filter_.Push(decoder_.Finish())));
      if (!filter_.stopped()) RETURN_IF_ERROR(Show(filter_.Finish()));
    }
    return std::move(result_);
  }

 private:
  // The decoder reads the prompt, too, because the answer's first space may be a word's. Tokens of
  // single bytes at the end would wait there for more: they are left out.
  absl::Status ReadPromptText(std::span<const int32_t> prompt) {
    while (!prompt.empty() && tokenizer_.IsByteFallback(prompt.back())) {
      prompt = prompt.first(prompt.size() - 1);
    }
    for (const int32_t token : prompt) RETURN_IF_ERROR(decoder_.Push(token).status());
    return absl::OkStatus();
  }

  // Reads `tokens` after what the cache holds and draws the one that follows.
  absl::StatusOr<int32_t> Draw(std::span<const int32_t> tokens) {
    ASSIGN_OR_RETURN(const ForwardResult forward, Forward(model_, TokensTensor(tokens), &cache_,
                                                          {.logits = LogitsWanted::kLast}));
    const at::Tensor logits_V = forward.logits_BTV.reshape({-1}).to(at::kFloat).cpu().contiguous();
    if (!at::isfinite(logits_V).all().item<bool>()) {
      return MakeError(
          absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE",
          {.what = absl::StrCat("token ", result_.token_ids.size() + 1,
                                " of the answer: a prediction that is not finite found"),
           .why = "finite weights can still overflow on a text",
           .fix = "use --dtype float32, or a model trained with a lower learning rate"});
    }
    return sampler_.Next({logits_V.const_data_ptr<float>(), static_cast<size_t>(logits_V.numel())});
  }

  absl::Status Take(int32_t token) {
    result_.token_ids.push_back(token);
    if (std::find(ends_.begin(), ends_.end(), token) != ends_.end()) {
      result_.finish_reason = "stop";
      return absl::OkStatus();
    }
    // Rows of the embedding beyond the tokenizer's last token stand for no text.
    std::string text;
    if (tokenizer_.HasToken(token)) {
      ASSIGN_OR_RETURN(text, decoder_.Push(token));
    }
    RETURN_IF_ERROR(Show(filter_.Push(text)));
    if (filter_.stopped()) result_.finish_reason = "stop";
    return absl::OkStatus();
  }

  absl::Status Show(const std::string& text) {
    result_.text += text;
    return options_.on_text ? options_.on_text(text) : absl::OkStatus();
  }

  const Transformer& model_;
  const TextGenerationOptions& options_;
  const std::vector<int64_t> ends_;
  Sampler sampler_;
  StreamingDecoder decoder_;
  StopFilter filter_;
  const Tokenizer& tokenizer_;
  KvCache cache_;
  GeneratedText result_;
};

}  // namespace

absl::StatusOr<GeneratedText> GenerateText(const std::string& directory,
                                           const TextGenerationOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const ModelDirectory opened, OpenModelDirectory(directory));
  ASSIGN_OR_RETURN(const std::vector<int32_t> prompt,
                   EncodePrompt(directory, opened, options.prompt));
  ASSIGN_OR_RETURN(const Transformer model,
                   LoadTransformer(directory, {.type = options.type, .device = options.device}));
  return CatchTorch("generate", [&]() -> absl::StatusOr<GeneratedText> {
    return Generation(opened, model, options).Run(prompt);
  });
}

}  // namespace kalavai::contributor
