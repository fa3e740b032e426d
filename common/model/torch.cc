#include "common/model/torch.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {

absl::Status TorchError(absl::string_view operation, const std::exception& error) {
  std::string text = error.what();
  if (const auto* torch_error = dynamic_cast<const c10::Error*>(&error)) {
    text = torch_error->what_without_backtrace();
  }
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                      dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                      absl::StrContains(text, "can't allocate memory") ||
                      absl::StrContains(text, "not enough memory");
  if (memory) {
    return MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
                     {.what = absl::StrCat(operation, ": memory ran out: ", text),
                      .why = "weights, activations and caches must fit into memory together",
                      .fix = "use a smaller batch, a shorter context or a smaller model"});
  }
  return MakeError(absl::StatusCode::kInternal, "TORCH_FAILED",
                   {.what = absl::StrCat(operation, ": ", text),
                    .why = "the tensor library refused an operation",
                    .fix = "report this with the command and the model's config.json"});
}

}  // namespace kalavai
