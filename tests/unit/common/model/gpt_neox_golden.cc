#include "tests/unit/common/model/gpt_neox_golden.h"

#include <cstddef>
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/model/determinism.h"
#include "common/safetensors/reader.h"

namespace kalavai::testing {

std::string GoldenModelDir(const std::string& variant) {
  // Such small tensors gain nothing from threads, and threads wait for each other on a busy
  // machine.
  KALAVAI_CHECK(SetThreads(1).ok(), "one thread is always allowed");
  return absl::StrCat(KALAVAI_GOLDEN_DIR, "/gpt_neox/", variant);
}

at::Tensor GoldenTensor(const std::string& variant, const std::string& name) {
  const auto file = SafetensorsFile::Open(GoldenModelDir(variant) + "/expected.safetensors",
                                          SafetensorsMode::kFormat);
  KALAVAI_CHECK(file.ok(), file.status().ToString());
  const TensorInfo* info = file->Find(name);
  KALAVAI_CHECK(info != nullptr, absl::StrCat("the golden file holds ", name));
  at::Tensor tensor =
      at::empty(info->shape.Signed(), info->dtype == Dtype::kI32 ? at::kInt : at::kFloat);
  const std::span<const std::byte> bytes = file->Bytes(*info);
  KALAVAI_CHECK(bytes.size() == tensor.nbytes(), "golden tensors are I32 or F32");
  std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

std::vector<int32_t> GoldenTokens(const std::string& variant, const std::string& name) {
  const at::Tensor tensor = GoldenTensor(variant, name);
  const int32_t* data = tensor.const_data_ptr<int32_t>();
  return {data, data + tensor.numel()};
}

double RelativeError(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

}  // namespace kalavai::testing
