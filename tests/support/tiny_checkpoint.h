// A base small enough to train in a test, and texts of different languages for it: no file of the
// outside world is needed.
#ifndef KALAVAI_TESTS_SUPPORT_TINY_CHECKPOINT_H_
#define KALAVAI_TESTS_SUPPORT_TINY_CHECKPOINT_H_

#include <cstdint>
#include <string>

#include "common/model/model_config.h"

namespace kalavai::testing {

// `documents` short texts of an invented language: words made of syllables, in an order with some
// regularity to learn. Different languages share no syllable. Each is a paragraph. Deterministic.
std::string TinyText(int language, int documents);

// Writes config.json, tokenizer.json (290 tokens, made from all languages) and model.safetensors
// (fresh weights, float32 or bfloat16) of a model of width 32 with two blocks and a context of 64;
// two query heads share one of keys and values where the family can.
void WriteTinyBase(const std::string& directory, uint64_t seed, bool bfloat16 = false,
                   Family family = Family::kGptNeox);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_TINY_CHECKPOINT_H_
