#include "common/rpc/resource_name.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/base/errors.h"
#include "common/base/limits.h"

namespace kalavai {
namespace {

constexpr char kCooperatives[] = "cooperatives";

bool IsId(absl::string_view text) {
  if (text.empty() || text.size() > static_cast<size_t>(limits::kIdLengthMax)) return false;
  if (!absl::ascii_islower(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (!absl::ascii_islower(byte) && !absl::ascii_isdigit(byte) && c != '-') return false;
  }
  return true;
}

bool IsSha256(absl::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

// What a peer sent, fit for a message: escaped and short.
std::string Shown(absl::string_view text) {
  constexpr size_t kShownBytes = 100;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kShownBytes)),
                      text.size() > kShownBytes ? "…\"" : "\"");
}

absl::Status NameError(absl::string_view name, absl::string_view form) {
  return MakeError(absl::StatusCode::kInvalidArgument, "NAME_INVALID",
                   {.what = absl::StrCat("name ", Shown(name), "; must have the form ", form),
                    .why = "ids are lower-case letters, digits and '-', starting with a letter, at "
                           "most 63 characters",
                    .fix = "correct the name",
                    .metadata = {{"form", std::string(form)}}});
}

std::string Child(absl::string_view cooperative, absl::string_view collection,
                  absl::string_view id) {
  return absl::StrCat(kCooperatives, "/", cooperative, "/", collection, "/", id);
}

absl::StatusOr<ChildName> ParseChild(absl::string_view name, absl::string_view collection,
                                     absl::string_view singular) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() != 4 || parts[0] != kCooperatives || !IsId(parts[1]) || parts[2] != collection ||
      !IsId(parts[3])) {
    return NameError(name,
                     absl::StrCat("cooperatives/{cooperative}/", collection, "/{", singular, "}"));
  }
  return ChildName{std::string(parts[1]), std::string(parts[3])};
}

}  // namespace

absl::Status CheckId(absl::string_view id, absl::string_view field) {
  if (IsId(id)) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "NAME_INVALID",
      {.what = absl::StrCat(field, ": ", Shown(id),
                            " found; must be lower-case letters, digits and '-', starting with a "
                            "letter, at most 63 characters"),
       .why = "ids stand in resource names and in certificates",
       .fix = "choose another id",
       .metadata = {{"field", std::string(field)}}});
}

std::string CooperativeName(absl::string_view cooperative) {
  return absl::StrCat(kCooperatives, "/", cooperative);
}

absl::StatusOr<std::string> ParseCooperativeName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() != 2 || parts[0] != kCooperatives || !IsId(parts[1])) {
    return NameError(name, "cooperatives/{cooperative}");
  }
  return std::string(parts[1]);
}

std::string ContributorName(absl::string_view cooperative, absl::string_view contributor) {
  return Child(cooperative, "contributors", contributor);
}

absl::StatusOr<ChildName> ParseContributorName(absl::string_view name) {
  return ParseChild(name, "contributors", "contributor");
}

std::string CheckpointName(absl::string_view cooperative, absl::string_view checkpoint) {
  return Child(cooperative, "checkpoints", checkpoint);
}

absl::StatusOr<ChildName> ParseCheckpointName(absl::string_view name) {
  return ParseChild(name, "checkpoints", "checkpoint");
}

std::string SubmissionName(absl::string_view cooperative, absl::string_view submission) {
  return Child(cooperative, "submissions", submission);
}

absl::StatusOr<ChildName> ParseSubmissionName(absl::string_view name) {
  return ParseChild(name, "submissions", "submission");
}

std::string FormatUploadName(absl::string_view cooperative, absl::string_view submission,
                             absl::string_view sha256) {
  return absl::StrCat(SubmissionName(cooperative, submission), "/uploads/", sha256);
}

absl::StatusOr<UploadName> ParseUploadName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() != 6 || parts[0] != kCooperatives || !IsId(parts[1]) ||
      parts[2] != "submissions" || !IsId(parts[3]) || parts[4] != "uploads" ||
      !IsSha256(parts[5])) {
    return NameError(name, "cooperatives/{cooperative}/submissions/{submission}/uploads/{sha256}");
  }
  return UploadName{std::string(parts[1]), std::string(parts[3]), std::string(parts[5])};
}

std::string PredictionName(absl::string_view cooperative, absl::string_view prediction) {
  return Child(cooperative, "predictions", prediction);
}

absl::StatusOr<ChildName> ParsePredictionName(absl::string_view name) {
  return ParseChild(name, "predictions", "prediction");
}

std::string FusionName(absl::string_view cooperative, absl::string_view fusion) {
  return Child(cooperative, "fusions", fusion);
}

absl::StatusOr<ChildName> ParseFusionName(absl::string_view name) {
  return ParseChild(name, "fusions", "fusion");
}

std::string ModelName(absl::string_view cooperative, absl::string_view model) {
  return Child(cooperative, "models", model);
}

absl::StatusOr<ChildName> ParseModelName(absl::string_view name) {
  return ParseChild(name, "models", "model");
}

}  // namespace kalavai
