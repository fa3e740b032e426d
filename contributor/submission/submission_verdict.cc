#include "contributor/submission/submission_verdict.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

using Stub = v1::SubmissionService::Stub;

// Which of a member's submissions counts: the higher first.
int RankOf(v1::Submission::State state) {
  switch (state) {
    case v1::Submission::DRAFT:
    case v1::Submission::UPLOADING:
    case v1::Submission::CHECKING:
    case v1::Submission::QUARANTINED:
      return 2;
    case v1::Submission::ADMITTED:
      return 1;
    default:
      return 0;
  }
}

bool IsBetter(const v1::Submission& one, const v1::Submission& other) {
  if (RankOf(one.state()) != RankOf(other.state())) {
    return RankOf(one.state()) > RankOf(other.state());
  }
  return std::pair(one.create_time().seconds(), one.create_time().nanos()) >=
         std::pair(other.create_time().seconds(), other.create_time().nanos());
}

}  // namespace

bool IsDecided(v1::Submission::State state) {
  return state == v1::Submission::ADMITTED || state == v1::Submission::QUARANTINED ||
         state == v1::Submission::REJECTED || state == v1::Submission::WITHDRAWN ||
         state == v1::Submission::SUPERSEDED;
}

absl::StatusOr<std::optional<v1::Submission>> FindOwnSubmission(
    Stub& stub, const CoordinatorConnection& coordinator) {
  v1::ListSubmissionsRequest request;
  request.set_parent(coordinator.membership.cooperative);
  std::optional<v1::Submission> found;
  do {
    ASSIGN_OR_RETURN(const v1::ListSubmissionsResponse page,
                     CallUnary(coordinator.address(), stub, &Stub::ListSubmissions, request));
    for (const v1::Submission& submission : page.submissions()) {
      if (submission.contributor() != coordinator.membership.contributor) continue;
      if (!found.has_value() || IsBetter(submission, *found)) found = submission;
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return found;
}

absl::StatusOr<SavedReceipt> SaveReceipt(const Workspace& workspace,
                                         const PublicKey& coordinator_key,
                                         const v1::Submission& submission,
                                         absl::string_view signed_root) {
  ASSIGN_OR_RETURN(const std::string payload,
                   VerifyEnvelope(submission.receipt_envelope(), coordinator_key, kReceiptType));
  ASSIGN_OR_RETURN(nlohmann::json receipt, ReadJson(payload));
  ASSIGN_OR_RETURN(const std::string name, JsonString(receipt, "submission"));
  ASSIGN_OR_RETURN(const std::string state, JsonString(receipt, "state"));
  ASSIGN_OR_RETURN(const std::string root, JsonString(receipt, "root_digest"));
  // Both come after the verdict, which the receipt is of.
  const bool later = submission.state() == v1::Submission::WITHDRAWN ||
                     submission.state() == v1::Submission::SUPERSEDED;
  if (name != submission.name() || root != submission.root_digest() ||
      (!later && state != v1::Submission::State_Name(submission.state()))) {
    return MakeError(
        absl::StatusCode::kPermissionDenied, "SIGNATURE_INVALID",
        {.what = absl::StrCat("receipt: of ", name, ", ", state, ", ", root, "; must be of ",
                              submission.name(), " as it was just told"),
         .why = "a receipt that says something else proves nothing",
         .fix = "report it to the other members"});
  }
  if (!signed_root.empty() && root != signed_root) {
    return MakeError(absl::StatusCode::kPermissionDenied, "SIGNATURE_INVALID",
                     {.what = absl::StrCat("receipt: of root digest ", root, "; must be of ",
                                           signed_root, ", which was signed and sent"),
                      .why = "the coordinator judged other files than this member's",
                      .fix = "report it to the other members"});
  }
  ASSIGN_OR_RETURN(const ChildName parsed, ParseSubmissionName(submission.name()));
  const std::string path = absl::StrCat(workspace.ReceiptsDirectory(), "/", parsed.id, ".json");
  RETURN_IF_ERROR(EnsureDirectory(workspace.ReceiptsDirectory(), 0700));
  RETURN_IF_ERROR(WriteFileAtomically(path, submission.receipt_envelope() + "\n", 0600));
  return SavedReceipt{.path = path, .payload = std::move(receipt)};
}

nlohmann::json ToJson(const v1::Submission& submission) {
  nlohmann::json checks = nlohmann::json::array();
  for (const v1::Submission::Check& check : submission.checks()) {
    checks.push_back({{"check", check.check()},
                      {"passed", check.passed()},
                      {"reason", check.reason()},
                      {"message", check.message()}});
  }
  nlohmann::json json = {{"name", submission.name()},
                         {"domain", submission.domain()},
                         {"state", v1::Submission::State_Name(submission.state())},
                         {"root_digest", submission.root_digest()},
                         {"checks", checks}};
  if (submission.has_divergence_percent()) {
    json["divergence_percent"] = submission.divergence_percent();
  }
  return json;
}

std::string DescribeChecks(const v1::Submission& submission) {
  std::string text;
  for (const v1::Submission::Check& check : submission.checks()) {
    absl::StrAppend(&text, "  ", check.passed() ? "ok     " : "FAILED ", check.check(),
                    check.passed() ? "" : absl::StrCat("  ", check.reason(), ": ", check.message()),
                    "\n");
  }
  return text;
}

absl::Status VerdictStatus(const v1::Submission& submission) {
  if (submission.state() == v1::Submission::ADMITTED) return absl::OkStatus();
  const std::string state = v1::Submission::State_Name(submission.state());
  for (const v1::Submission::Check& check : submission.checks()) {
    if (check.passed()) continue;
    const bool quarantined = submission.state() == v1::Submission::QUARANTINED;
    return MakeError(absl::StatusCode::kFailedPrecondition, check.reason(),
                     {.what = absl::StrCat(submission.name(), ": ", state, ", check '",
                                           check.check(), "': ", check.message()),
                      .why = quarantined ? "it is not fused until an administrator decides" : "",
                      .fix = quarantined ? "ask the launcher; 'kalavai status' shows the decision"
                                         : "mend it and run 'kalavai submit' again",
                      .metadata = {{"state", state}, {"check", check.check()}}});
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED",
                   {.what = absl::StrCat(submission.name(), ": ", state, "; must be ADMITTED"),
                    .fix = "kalavai status",
                    .metadata = {{"state", state}}});
}

}  // namespace kalavai::contributor
