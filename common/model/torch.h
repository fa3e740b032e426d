// The only file that includes LibTorch. See docs/decisions/0002-libtorch-fence.md.
//
// <torch/torch.h> costs 19 s a file, <ATen/ATen.h> 6 s, and autograd works through at::Tensor's own
// methods. Only sources listed under TORCH_SOURCES may include this header, and none of them may
// include a proto or gRPC header: LibTorch's include folder carries an old google/protobuf.
//
// LibTorch throws; nothing above common/model sees an exception. Every entry point wraps its work:
//
//   return CatchTorch("forward", [&]() -> absl::StatusOr<Tensor> { … });
//
// Errors: RESOURCE_EXHAUSTED, OUT_OF_MEMORY when an allocation failed; INTERNAL, TORCH_FAILED for
// anything else (a bug of ours, as all inputs are checked first).
#ifndef KALAVAI_COMMON_MODEL_TORCH_H_
#define KALAVAI_COMMON_MODEL_TORCH_H_

#include <exception>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/cpu/Utils.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/headeronly/version.h>
#ifdef KALAVAI_TORCH_CUSTOM_GRADIENTS  // defined by files that write a gradient by hand
#include <torch/csrc/autograd/custom_function.h>
#endif

namespace kalavai {

absl::Status TorchError(absl::string_view operation, const std::exception& error);

// Runs `work`, which returns Status or StatusOr, and turns what LibTorch throws into a Status.
template <typename Work>
auto CatchTorch(absl::string_view operation, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::exception& error) {  // c10::Error derives from it, as does std::bad_alloc
    return TorchError(operation, error);
  }
}

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_TORCH_H_
