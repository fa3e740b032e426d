#include "common/model/shape_error.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {

absl::Status ShapeMismatch(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "SHAPE_MISMATCH",
                   {.what = std::string(what),
                    .why = "tensors must have the shapes that config.json gives them",
                    .fix = "use weights and config.json of the same model"});
}

absl::Status ContextExceeded(int64_t tokens, int64_t room, absl::string_view of) {
  return MakeError(absl::StatusCode::kInvalidArgument, "CONTEXT_EXCEEDED",
                   {.what = absl::StrCat(tokens, " tokens found; must be at most ", room, ", ", of),
                    .why = "positions beyond the context were never trained",
                    .fix = "use a shorter text",
                    .metadata = {{"actual", absl::StrCat(tokens)}, {"max", absl::StrCat(room)}}});
}

}  // namespace kalavai
