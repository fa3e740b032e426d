#include <string>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/rpc/page_token.h"
#include "common/rpc/resource_name.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {
namespace {

using Parser = absl::StatusOr<ChildName> (*)(absl::string_view);
using Formatter = std::string (*)(absl::string_view, absl::string_view);

void CheckRefusal(const absl::Status& status, absl::string_view reason) {
  KALAVAI_CHECK(GetErrorReason(status) == reason, "a refusal has its reason");
}

// Whether `parse` accepts.
bool CheckChild(absl::string_view input, Parser parse, Formatter format) {
  const auto name = parse(input);
  if (!name.ok()) {
    CheckRefusal(name.status(), "NAME_INVALID");
    return false;
  }
  KALAVAI_CHECK(CheckId(name->cooperative, "c").ok() && CheckId(name->id, "id").ok(),
                "both parts are ids");
  KALAVAI_CHECK(format(name->cooperative, name->id) == input, "a name has one spelling");
  return true;
}

}  // namespace

void FuzzResourceName(absl::string_view input) {
  int accepted = 0;
  accepted += CheckChild(input, ParseContributorName, ContributorName) ? 1 : 0;
  accepted += CheckChild(input, ParseCheckpointName, CheckpointName) ? 1 : 0;
  accepted += CheckChild(input, ParseSubmissionName, SubmissionName) ? 1 : 0;
  accepted += CheckChild(input, ParsePredictionName, PredictionName) ? 1 : 0;
  accepted += CheckChild(input, ParseFusionName, FusionName) ? 1 : 0;
  accepted += CheckChild(input, ParseModelName, ModelName) ? 1 : 0;
  const auto cooperative = ParseCooperativeName(input);
  if (cooperative.ok()) {
    ++accepted;
    KALAVAI_CHECK(CooperativeName(*cooperative) == input, "a name has one spelling");
  } else {
    CheckRefusal(cooperative.status(), "NAME_INVALID");
  }
  const auto upload = ParseUploadName(input);
  if (upload.ok()) {
    ++accepted;
    KALAVAI_CHECK(
        FormatUploadName(upload->cooperative, upload->submission, upload->sha256) == input,
        "a name has one spelling");
  } else {
    CheckRefusal(upload.status(), "NAME_INVALID");
  }
  KALAVAI_CHECK(accepted <= 1, "a name is of one kind");
}

void FuzzPageToken(absl::string_view input) {
  constexpr char kRequest[] = "ListContributors cooperatives/c";
  if (input.empty()) return;
  const std::string made = FormatPageToken(kRequest, input);
  const auto position = ParsePageToken(kRequest, made);
  KALAVAI_CHECK(position.ok() && *position == input, "a token holds its position");
  CheckRefusal(ParsePageToken("ListContributors cooperatives/d", made).status(),
               "PAGE_TOKEN_INVALID");
  const auto foreign = ParsePageToken(kRequest, input);
  if (!foreign.ok()) return CheckRefusal(foreign.status(), "PAGE_TOKEN_INVALID");
  KALAVAI_CHECK(FormatPageToken(kRequest, *foreign) == input, "a token has one spelling");
}

}  // namespace kalavai::fuzz
