#include "common/prediction/verdict_check.h"

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {

absl::Status RequireGo(absl::string_view verdict, const std::string& reason) {
  if (verdict == "GO") return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "PREDICTION_NOT_GO",
                   {.what = absl::StrCat("verdict: ", verdict, " found; must be GO under --check"),
                    .why = reason,
                    .fix = "train longer, with more text or members of other domains, or leave out "
                           "--check",
                    .metadata = {{"verdict", std::string(verdict)}}});
}

}  // namespace kalavai
