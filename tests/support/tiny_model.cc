#include "tests/support/tiny_model.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/base/check.h"
#include "common/model/determinism.h"
#include "common/model/optimizer_step.h"
#include "common/model/sampler.h"
#include "common/model/weights.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"
#include "common/tokenizer/tokenizer_trainer.h"

namespace kalavai::testing {
namespace {

constexpr int64_t kChunkTokens = 32;
constexpr int64_t kChunksPerStep = 8;

template <typename T>
T Take(absl::StatusOr<T> value) {
  KALAVAI_CHECK(value.ok(), value.status().ToString());
  return std::move(value).value();
}

void Expect(const absl::Status& status) { KALAVAI_CHECK(status.ok(), status.ToString()); }

ModelConfig TinyConfig(int64_t vocabulary) {
  ModelConfig config;
  config.vocab_size = vocabulary;
  config.hidden_size = 32;
  config.layer_count = 2;
  config.head_count = 2;
  config.intermediate_size = 64;
  config.context_length = 128;
  return config;
}

}  // namespace

void WriteTinyBase(const std::string& directory, const std::vector<std::string>& texts,
                   uint64_t seed) {
  Expect(SetThreads(1));  // tensors this small only wait for each other's threads
  std::filesystem::create_directories(directory);
  const std::vector<absl::string_view> views(texts.begin(), texts.end());
  const std::string tokenizer = Take(TrainTokenizer(views, 300));
  Expect(WriteFileAtomically(directory + "/tokenizer.json", tokenizer));
  const int64_t vocabulary = Take(Tokenizer::Parse(tokenizer))->VocabularySize();
  const Transformer model = Take(InitializeTransformer(TinyConfig(vocabulary), seed));
  Expect(SaveTransformer(model, directory, WeightType::kFloat32));
}

void WriteTinySpecialist(const std::string& base, const std::string& directory,
                         const std::vector<std::string>& texts, int64_t steps) {
  Expect(SetThreads(1));
  std::filesystem::create_directories(directory);
  std::filesystem::copy_file(base + "/tokenizer.json", directory + "/tokenizer.json",
                             std::filesystem::copy_options::overwrite_existing);
  const std::unique_ptr<Tokenizer> tokenizer = Take(Tokenizer::Load(base + "/tokenizer.json"));
  std::vector<int32_t> tokens;
  for (const std::string& text : texts) {
    const std::vector<int32_t> ids = Take(tokenizer->Encode(text));
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  }
  const auto step_tokens = static_cast<size_t>(kChunkTokens * kChunksPerStep);
  KALAVAI_CHECK(tokens.size() > step_tokens, "texts hold more than one step");
  Transformer model = Take(LoadTransformer(base, {}));
  OptimizerStep::Options options;
  options.hyperparameters.learning_rate = 3e-3;
  options.hyperparameters.warmup_steps = 2;
  options.hyperparameters.steps = steps;
  options.precision = Precision::kFloat32;
  const std::unique_ptr<OptimizerStep> trainer =
      Take(OptimizerStep::Create(std::move(model), options));
  size_t at = 0;
  for (int64_t step = 0; step < steps; ++step) {
    if (at + step_tokens > tokens.size()) at = 0;
    const std::span<const int32_t> chunks =
        std::span<const int32_t>(tokens).subspan(at, step_tokens);
    Take(trainer->Step({.tokens = chunks, .chunk_length = kChunkTokens}));
    at += step_tokens;
  }
  Expect(SaveTransformer(trainer->model(), directory, WeightType::kFloat32));
}

std::vector<std::string> DomainTexts(const std::string& domain, int count, uint64_t seed) {
  SplitMix64 generator(seed);
  std::vector<std::string> words;
  for (const char* const syllable : {"a", "e", "i", "o", "u", "ar", "en", "ol"}) {
    words.push_back(absl::StrCat(domain, syllable));
  }
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    std::string text;
    for (int w = 0; w < 60; ++w) {
      absl::StrAppend(&text, w == 0 ? "" : " ", words[generator.Next() % words.size()]);
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace kalavai::testing
