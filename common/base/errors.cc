#include "common/base/errors.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace kalavai {
namespace {

constexpr char kPayloadUrl[] = "type.kalavai/error_detail";

absl::StatusCode CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::string_view ReasonOfErrno(int error_number) {
  if (error_number == ENOENT) return "FILE_NOT_FOUND";
  if (error_number == ENOSPC || error_number == EDQUOT) return "DISK_FULL";
  return "IO_ERROR";
}

std::string FixOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return "check the path";
    case EACCES:
    case EPERM:
      return "check who owns it and its permissions";
    case ENOSPC:
    case EDQUOT:
      return "free some space on this disk, then run the command again";
    default:
      return "";
  }
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason, ErrorText text) {
  nlohmann::json payload = {{"reason", std::string(reason)}, {"why", text.why}, {"fix", text.fix}};
  payload["metadata"] = text.metadata;
  absl::Status status(code, text.what);
  // Texts may quote foreign bytes: invalid UTF-8 is replaced, never thrown on.
  status.SetPayload(kPayloadUrl, absl::Cord(payload.dump(
                                     -1, ' ', false, nlohmann::json::error_handler_t::replace)));
  return status;
}

std::optional<ErrorDetail> GetErrorDetail(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return std::nullopt;
  const nlohmann::json json =
      nlohmann::json::parse(std::string(*payload), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  ErrorDetail detail;
  detail.reason = json.value("reason", "");
  detail.text.what = std::string(status.message());
  detail.text.why = json.value("why", "");
  detail.text.fix = json.value("fix", "");
  detail.text.metadata = json.value("metadata", std::map<std::string, std::string>{});
  return detail;
}

std::string GetErrorReason(const absl::Status& status) {
  const auto detail = GetErrorDetail(status);
  return detail.has_value() ? detail->reason : "";
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

absl::Status ErrnoError(int error_number, absl::string_view operation, absl::string_view path) {
  char buffer[256];
  const char* text = strerror_r(error_number, buffer, sizeof buffer);
  return MakeError(
      CodeOfErrno(error_number), ReasonOfErrno(error_number),
      {.what = absl::StrCat(operation, " ", path, ": ", text),
       .why = "",
       .fix = FixOfErrno(error_number),
       .metadata = {{"path", std::string(path)}, {"errno", absl::StrCat(error_number)}}});
}

}  // namespace kalavai
