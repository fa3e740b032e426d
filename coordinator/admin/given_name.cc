#include "coordinator/admin/given_name.h"

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"
#include "common/cli/program.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

struct Kind {
  const char* noun;
  std::string (*format)(absl::string_view cooperative, absl::string_view id);
  absl::StatusOr<ChildName> (*parse)(absl::string_view name);
};

absl::StatusOr<std::string> Given(const Kind& kind, absl::string_view cooperative,
                                  absl::string_view text) {
  if (text.find('/') == absl::string_view::npos) {
    RETURN_IF_ERROR(CheckId(text, kind.noun));
    if (cooperative.empty()) {
      return UsageError(absl::StrCat(kind.noun, " '", text, "': of which cooperative?"),
                        "give --cooperative ID, or the whole name: cooperatives/…");
    }
    return kind.format(cooperative, text);
  }
  ASSIGN_OR_RETURN(const ChildName name, kind.parse(text));
  if (!cooperative.empty() && name.cooperative != cooperative) {
    return UsageError(absl::StrCat(kind.noun, " ", text, ": of cooperative ", name.cooperative,
                                   "; --cooperative says ", cooperative),
                      "give an id or a name of one cooperative");
  }
  return std::string(text);
}

}  // namespace

absl::StatusOr<std::string> GivenFusion(absl::string_view cooperative, absl::string_view text) {
  return Given({.noun = "fusion", .format = FusionName, .parse = ParseFusionName}, cooperative,
               text);
}

absl::StatusOr<std::string> GivenSubmission(absl::string_view cooperative, absl::string_view text) {
  return Given({.noun = "submission", .format = SubmissionName, .parse = ParseSubmissionName},
               cooperative, text);
}

absl::StatusOr<std::string> GivenModel(absl::string_view cooperative, absl::string_view text) {
  return Given({.noun = "model", .format = ModelName, .parse = ParseModelName}, cooperative, text);
}

std::string IdOf(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return std::string(slash == absl::string_view::npos ? name : name.substr(slash + 1));
}

}  // namespace kalavai::coordinator
