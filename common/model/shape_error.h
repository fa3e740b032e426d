// The two refusals of tensors that do not fit a model, shared by common/model.
//
// INVALID_ARGUMENT both: SHAPE_MISMATCH, and CONTEXT_EXCEEDED with metadata "actual" and "max".
#ifndef KALAVAI_COMMON_MODEL_SHAPE_ERROR_H_
#define KALAVAI_COMMON_MODEL_SHAPE_ERROR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// `what`: found where, and what must hold.
absl::Status ShapeMismatch(absl::string_view what);

// `tokens` where there is room for `room`; `of` says of what, e.g. "the model's context length".
absl::Status ContextExceeded(int64_t tokens, int64_t room, absl::string_view of);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_SHAPE_ERROR_H_
