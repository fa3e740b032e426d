// Goal: one model goes on with a text as its logits say, ends where it must, and refuses what it
// cannot read before the weights are touched. Method: a tiny model beside a loop of whole forward
// passes without a cache; end tokens and stop strings taken from its own answer; bad prompts on a
// directory whose weights cannot be loaded.
#include "contributor/inference/text_generation.h"

#include <filesystem>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/weights.h"
#include "common/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::contributor {
namespace {

using kalavai::testing::TempDir;

constexpr const char* kPrompt = "no 7 : bada";

class Model {
 public:
  Model() {
    REQUIRE_OK(SetThreads(1));
    kalavai::testing::WriteTinyBase(directory_.path(), 11);
  }
  absl::StatusOr<GeneratedText> Run(const TextGenerationOptions& options) const {
    return GenerateText(directory_.path(), options);
  }
  void SetEnds(const std::vector<int32_t>& ends) {
    nlohmann::json json = nlohmann::json::parse(kalavai::testing::ReadFile(File("config.json")));
    json["eos_token_id"] = ends;
    kalavai::testing::WriteFile(File("config.json"), json.dump());
  }
  std::string File(const std::string& name) const { return directory_.File(name); }
  const std::string& path() const { return directory_.path(); }

 private:
  TempDir directory_;
};

// The most probable continuation, every step from the start.
std::vector<int32_t> Greedy(const std::string& directory, int count) {
  const auto tokenizer = Tokenizer::Load(directory + "/tokenizer.json");
  REQUIRE_OK(tokenizer);
  REQUIRE_OK_AND_ASSIGN(const Transformer model, LoadTransformer(directory, {}));
  REQUIRE_OK_AND_ASSIGN(std::vector<int32_t> ids, (*tokenizer)->Encode(kPrompt));
  const c10::InferenceMode inference;
  std::vector<int32_t> made;
  for (int i = 0; i < count; ++i) {
    const std::vector<int64_t> wide(ids.begin(), ids.end());
    REQUIRE_OK_AND_ASSIGN(const ForwardResult result,
                          Forward(model, at::tensor(wide, at::kLong).unsqueeze(0), nullptr,
                                  {.logits = LogitsWanted::kLast}));
    made.push_back(static_cast<int32_t>(result.logits_BTV.argmax(-1).item<int64_t>()));
    ids.push_back(made.back());
  }
  return made;
}

TEST_CASE("Greedy text is the most probable token after each other", "[inference]") {
  const Model model;
  std::string streamed;
  TextGenerationOptions options = {.prompt = kPrompt, .tokens_max = 20};
  options.on_text = [&](absl::string_view text) {
    streamed.append(text.data(), text.size());
    return absl::OkStatus();
  };
  REQUIRE_OK_AND_ASSIGN(const GeneratedText answer, model.Run(options));
  CHECK(answer.token_ids == Greedy(model.path(), 20));
  CHECK(answer.finish_reason == "length");
  CHECK(answer.text == streamed);
  const auto tokenizer = Tokenizer::Load(model.File("tokenizer.json"));
  REQUIRE_OK(tokenizer);
  REQUIRE_OK_AND_ASSIGN(const std::string decoded, (*tokenizer)->Decode(answer.token_ids));
  CHECK(answer.text == decoded);
  REQUIRE_OK_AND_ASSIGN(const std::vector<int32_t> prompt, (*tokenizer)->Encode(kPrompt));
  CHECK(answer.prompt_tokens == static_cast<int64_t>(prompt.size()));
}

TEST_CASE("Any end token of config.json ends the text and is not shown", "[inference]") {
  Model model;
  const std::vector<int32_t> greedy = Greedy(model.path(), 12);
  const int32_t end = greedy[8];
  const auto first = std::find(greedy.begin(), greedy.end(), end);
  model.SetEnds({1, end, 2});
  REQUIRE_OK_AND_ASSIGN(const GeneratedText answer,
                        model.Run({.prompt = kPrompt, .tokens_max = 12}));
  CHECK(answer.finish_reason == "stop");
  CHECK(answer.token_ids == std::vector<int32_t>(greedy.begin(), first + 1));
  const auto tokenizer = Tokenizer::Load(model.File("tokenizer.json"));
  REQUIRE_OK(tokenizer);
  REQUIRE_OK_AND_ASSIGN(const std::string before,
                        (*tokenizer)->Decode(std::vector<int32_t>(greedy.begin(), first)));
  CHECK(answer.text == before);
}

TEST_CASE("A stop string ends the text before itself", "[inference]") {
  const Model model;
  REQUIRE_OK_AND_ASSIGN(const GeneratedText whole,
                        model.Run({.prompt = kPrompt, .tokens_max = 20}));
  const std::string stop = whole.text.substr(whole.text.size() / 2, 3);
  REQUIRE_OK_AND_ASSIGN(const GeneratedText cut,
                        model.Run({.prompt = kPrompt, .tokens_max = 20, .stop = {stop}}));
  CHECK(cut.finish_reason == "stop");
  CHECK(cut.text == whole.text.substr(0, whole.text.find(stop)));
}

TEST_CASE("Seeds repeat a drawn text, and one candidate is greedy", "[inference]") {
  const Model model;
  const auto draw = [&](SamplerOptions sampling) {
    REQUIRE_OK_AND_ASSIGN(const GeneratedText answer,
                          model.Run({.prompt = kPrompt, .tokens_max = 12, .sampling = sampling}));
    return answer.token_ids;
  };
  CHECK(draw({.seed = 4}) == draw({.seed = 4}));
  CHECK(draw({.seed = 4}) != draw({.seed = 5}));
  CHECK(draw({.seed = 4, .top_k = 1}) == Greedy(model.path(), 12));
}

TEST_CASE("The text ends where the context is full", "[inference]") {
  const Model model;  // context 64
  REQUIRE_OK_AND_ASSIGN(const GeneratedText answer,
                        model.Run({.prompt = kPrompt, .tokens_max = 1000}));
  CHECK(answer.finish_reason == "length");
  CHECK(answer.prompt_tokens + static_cast<int64_t>(answer.token_ids.size()) == 64);
}

TEST_CASE("Prompts that cannot be read are refused before the weights are", "[inference]") {
  const Model model;
  struct Row {
    TextGenerationOptions options;
    std::string reason, in_message;
  };
  std::string long_prompt;
  for (int i = 0; i < 300; ++i) long_prompt += "@";
  const std::vector<Row> rows = {
      {{.prompt = ""}, "PROMPT_EMPTY", "prompt"},
      {{.prompt = "ab\xff"}, "TEXT_NOT_UTF8", "2"},
      {{.prompt = long_prompt}, "CONTEXT_EXCEEDED", "300 tokens found; must be at most 63"},
      {{.prompt = kPrompt, .tokens_max = 0}, "FIELD_INVALID", "tokens_max"},
      {{.prompt = kPrompt, .sampling = {.top_p = 0}}, "SAMPLING_INVALID", "top_p"},
      {{.prompt = kPrompt, .sampling = {.top_k = -1}}, "SAMPLING_INVALID", "top_k"},
      {{.prompt = kPrompt}, "WEIGHTS_INVALID", ""},
  };
  // A shape that config.json does not have: reading the weights is the last thing that can fail.
  nlohmann::json json =
      nlohmann::json::parse(kalavai::testing::ReadFile(model.File("config.json")));
  json["intermediate_size"] = 65;
  kalavai::testing::WriteFile(model.File("config.json"), json.dump());
  for (const Row& row : rows) {
    const auto answer = model.Run(row.options);
    INFO(answer.status());
    CHECK(GetErrorReason(answer.status()) == row.reason);
    CHECK(std::string(answer.status().message()).find(row.in_message) != std::string::npos);
  }
}

TEST_CASE("A status from the reader ends the text", "[inference]") {
  const Model model;
  int pieces = 0;
  TextGenerationOptions options = {.prompt = kPrompt, .tokens_max = 20};
  options.on_text = [&](absl::string_view) {
    return ++pieces == 3 ? absl::CancelledError("enough") : absl::OkStatus();
  };
  CHECK(model.Run(options).status() == absl::CancelledError("enough"));
  CHECK(pieces == 3);
}

}  // namespace
}  // namespace kalavai::contributor
