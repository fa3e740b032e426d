// Where a model computes: the processor, or an NVIDIA GPU.
//
//   ASSIGN_OR_RETURN(const Device device, OpenDevice("cuda"));
//   ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(dir, {.device = device}));
//
// The programs link no CUDA library. OpenDevice("cuda") loads libtorch_cuda.so at run time from the
// folder of libtorch_cpu.so, where it registers its kernels (docs/decisions/0007). A Device other
// than kCpu must come from OpenDevice, which is called before the first tensor operation: LibTorch
// asks once whether CUDA is there and remembers the answer.
//
// CUDA is written, not tested: no GPU was at hand. No LibTorch in this header (TorchDevice in
// common/model/transformer.h gives its name for a device). Threads: call once, at the start.
#ifndef KALAVAI_COMMON_MODEL_DEVICE_H_
#define KALAVAI_COMMON_MODEL_DEVICE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

enum class Device { kCpu, kCuda };

// "cpu", "cuda"
absl::string_view NameOf(Device device);

// Errors: INVALID_ARGUMENT FIELD_INVALID for another name; FAILED_PRECONDITION DEVICE_UNAVAILABLE
// when the CUDA libraries cannot be loaded or find no GPU.
absl::StatusOr<Device> OpenDevice(absl::string_view name);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_DEVICE_H_
