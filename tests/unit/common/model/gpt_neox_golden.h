// The reference's numbers of tests/golden/gpt_neox: models "parallel" and "sequential".
#ifndef KALAVAI_TESTS_UNIT_COMMON_MODEL_GPT_NEOX_GOLDEN_H_
#define KALAVAI_TESTS_UNIT_COMMON_MODEL_GPT_NEOX_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/model/weights.h"

namespace kalavai::testing {

std::string GoldenModelDir(const std::string& variant);

// One tensor of VARIANT/expected.safetensors as float32 or int32 values, with its shape.
at::Tensor GoldenTensor(const std::string& variant, const std::string& name);
// The int32 values of such a tensor.
std::vector<int32_t> GoldenTokens(const std::string& variant, const std::string& name);

// max |a − b| / max |b|.
double RelativeError(const at::Tensor& a, const at::Tensor& b);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_UNIT_COMMON_MODEL_GPT_NEOX_GOLDEN_H_
