// Names of resources, AIP-122 style, parsed and formatted in one place:
//
//   cooperatives/{cooperative}
//   cooperatives/{cooperative}/contributors/{contributor}
//   cooperatives/{cooperative}/checkpoints/{checkpoint}
//   cooperatives/{cooperative}/submissions/{submission}
//   cooperatives/{cooperative}/submissions/{submission}/uploads/{sha256 of the file}
//   cooperatives/{cooperative}/predictions/{prediction}
//   cooperatives/{cooperative}/fusions/{fusion}
//   cooperatives/{cooperative}/models/{model}
//
// An id is [a-z][a-z0-9-]*, at most limits::kIdLengthMax characters; an upload's id is 64
// lower-case hexadecimal digits. Parsing is exact: no empty, extra or percent-encoded segments.
// Every parser returns INVALID_ARGUMENT, reason NAME_INVALID, naming the form that was wanted. Pure
// functions.
#ifndef KALAVAI_COMMON_RPC_RESOURCE_NAME_H_
#define KALAVAI_COMMON_RPC_RESOURCE_NAME_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// OK when `id` is an id; `field` names the place in the error ("cooperative_id").
absl::Status CheckId(absl::string_view id, absl::string_view field);

// A resource directly under a cooperative; both are ids.
struct ChildName {
  std::string cooperative;
  std::string id;
  bool operator==(const ChildName&) const = default;
};

struct UploadName {
  std::string cooperative;
  std::string submission;
  std::string sha256;
  bool operator==(const UploadName&) const = default;
};

std::string CooperativeName(absl::string_view cooperative);
absl::StatusOr<std::string> ParseCooperativeName(absl::string_view name);  // the cooperative's id

std::string ContributorName(absl::string_view cooperative, absl::string_view contributor);
absl::StatusOr<ChildName> ParseContributorName(absl::string_view name);

std::string CheckpointName(absl::string_view cooperative, absl::string_view checkpoint);
absl::StatusOr<ChildName> ParseCheckpointName(absl::string_view name);

std::string SubmissionName(absl::string_view cooperative, absl::string_view submission);
absl::StatusOr<ChildName> ParseSubmissionName(absl::string_view name);

std::string FormatUploadName(absl::string_view cooperative, absl::string_view submission,
                             absl::string_view sha256);
absl::StatusOr<UploadName> ParseUploadName(absl::string_view name);

std::string PredictionName(absl::string_view cooperative, absl::string_view prediction);
absl::StatusOr<ChildName> ParsePredictionName(absl::string_view name);

std::string FusionName(absl::string_view cooperative, absl::string_view fusion);
absl::StatusOr<ChildName> ParseFusionName(absl::string_view name);

std::string ModelName(absl::string_view cooperative, absl::string_view model);
absl::StatusOr<ChildName> ParseModelName(absl::string_view name);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_RESOURCE_NAME_H_
