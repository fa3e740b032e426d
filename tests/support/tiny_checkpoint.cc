#include "tests/support/tiny_checkpoint.h"

#include <array>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/model/sampler.h"
#include "common/model/weights.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"
#include "common/tokenizer/tokenizer_trainer.h"

namespace kalavai::testing {
namespace {

constexpr std::array<const char*, 3> kOnsets = {"bdg", "ptk", "lmn"};
constexpr std::array<const char*, 3> kVowels = {"ae", "io", "uy"};

}  // namespace

std::string TinyText(int language, int documents) {
  const absl::string_view onsets = kOnsets.at(static_cast<size_t>(language));
  const absl::string_view vowels = kVowels.at(static_cast<size_t>(language));
  SplitMix64 random(static_cast<uint64_t>(language) + 17);
  std::string text;
  for (int document = 0; document < documents; ++document) {
    absl::StrAppend(&text, "no ", document, " :");
    uint64_t word = random.Next();
    for (int i = 0; i < 60; ++i) {
      // Mostly the previous word with one syllable moved on: something to learn.
      word = random.Uniform() < 0.8 ? word + 1 : random.Next();
      text += ' ';
      for (uint64_t rest = word % 36, syllable = 0; syllable < 2; ++syllable, rest /= 6) {
        text += onsets[rest % 3];
        text += vowels[rest % 2];
      }
    }
    text += ".\n\n";
  }
  return text;
}

void WriteTinyBase(const std::string& directory, uint64_t seed, bool bfloat16, Family family) {
  const std::string all = absl::StrCat(TinyText(0, 40), TinyText(1, 40), TinyText(2, 40));
  const std::vector<absl::string_view> documents = {all};
  const auto tokenizer_json = TrainTokenizer(documents, 290);
  KALAVAI_CHECK(tokenizer_json.ok(), "the tiny text makes a tokenizer");
  const auto tokenizer = Tokenizer::Parse(*tokenizer_json);
  KALAVAI_CHECK(tokenizer.ok(), "our own tokenizer loads");
  ModelConfig config = family == Family::kGptNeox ? ModelConfig() : ModelConfig::Defaults(family);
  config.vocab_size = (*tokenizer)->VocabularySize();
  config.hidden_size = 32;
  config.layer_count = 2;
  config.head_count = 2;
  config.intermediate_size = 64;
  config.context_length = 64;
  if (family != Family::kGptNeox) {
    config.kv_head_count = 1;
    config.eos_token_ids = {0};  // the trained tokenizer's end of text
  }
  const auto model = InitializeTransformer(config, seed);
  KALAVAI_CHECK(model.ok(), "the tiny configuration is valid");
  KALAVAI_CHECK(EnsureDirectory(directory).ok(), "the test's directory can be made");
  const WeightType type = bfloat16 ? WeightType::kBfloat16 : WeightType::kFloat32;
  KALAVAI_CHECK(SaveTransformer(*model, directory, type).ok(), "the test's disk works");
  KALAVAI_CHECK(
      WriteFileAtomically(absl::StrCat(directory, "/tokenizer.json"), *tokenizer_json).ok(),
      "the test's disk works");
}

}  // namespace kalavai::testing
