// Models small enough for a test: GPT-NeoX, D = 32, 2 blocks, a tokenizer of at most 300 tokens
// that is trained on the texts. Deterministic. This header names no tensor; the source is fenced.
#ifndef KALAVAI_TESTS_SUPPORT_TINY_MODEL_H_
#define KALAVAI_TESTS_SUPPORT_TINY_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kalavai::testing {

// Writes config.json, tokenizer.json and model.safetensors to `directory` (made); aborts on
// failure.
void WriteTinyBase(const std::string& directory, const std::vector<std::string>& texts,
                   uint64_t seed);

// Trains a copy of the model in `base` on `texts` for `steps` AdamW steps of 8 chunks of 32 tokens
// and writes it, with the base's tokenizer, to `directory`.
void WriteTinySpecialist(const std::string& base, const std::string& directory,
                         const std::vector<std::string>& texts, int64_t steps);

// `count` documents of words of one domain ("tide", "stone", …): repeatable, told apart by their
// words.
std::vector<std::string> DomainTexts(const std::string& domain, int count, uint64_t seed);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_TINY_MODEL_H_
