#include "common/rpc/status_conversion.h"

#include <map>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/logging.h"

namespace kalavai {
namespace {

constexpr size_t kMessageBytes = limits::kErrorMessageBytesMax;
constexpr size_t kTextBytes = limits::kErrorTextBytesMax;
constexpr size_t kMetadataBytes = limits::kErrorMetadataBytesMax;
constexpr int kMetadataEntries = limits::kErrorMetadataEntriesMax;
constexpr char kWhy[] = "why";
constexpr char kFix[] = "fix";

size_t SequenceLength(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

// Returns at most `bytes_max` bytes of `text`, cut between characters; protobuf refuses strings
// that are not UTF-8, so what is not becomes '?'.
std::string Wire(absl::string_view text, size_t bytes_max) {
  std::string wire;
  size_t i = 0;
  while (i < text.size()) {
    size_t length = SequenceLength(static_cast<unsigned char>(text[i]));
    bool valid = length > 0 && i + length <= text.size();
    for (size_t k = 1; valid && k < length; ++k) {
      valid = (static_cast<unsigned char>(text[i + k]) & 0xC0) == 0x80;
    }
    if (!valid) length = 1;
    if (wire.size() + length > bytes_max) break;
    if (valid) {
      wire.append(text.data() + i, length);
    } else {
      wire.push_back('?');
    }
    i += length;
  }
  return wire;
}

std::string NewRequestId() {
  absl::BitGen source;
  return absl::StrFormat("%016x", absl::Uniform<uint64_t>(source));
}

absl::Status Masked(const absl::Status& status) {
  const std::string request_id = NewRequestId();
  LogError("Request failed by our own fault", {{"request_id", request_id},
                                               {"reason", GetErrorReason(status)},
                                               {"message", std::string(status.message())}});
  return MakeError(absl::StatusCode::kInternal, "INTERNAL",
                   {.what = absl::StrFormat("the coordinator failed; request id %s", request_id),
                    .fix = "report it with the request id; the details are in the server's log",
                    .metadata = {{"request_id", request_id}}});
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& original) {
  if (original.ok()) return grpc::Status::OK;
  const bool masked = original.code() == absl::StatusCode::kInternal ||
                      original.code() == absl::StatusCode::kUnknown;
  const absl::Status status = masked ? Masked(original) : original;
  const std::string message = Wire(status.message(), kMessageBytes);
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const auto detail = GetErrorDetail(status);
  if (!detail.has_value()) return grpc::Status(code, message);

  google::rpc::ErrorInfo info;
  info.set_reason(Wire(detail->reason, kMetadataBytes));
  info.set_domain(kErrorDomain);
  auto& metadata = *info.mutable_metadata();
  if (!detail->text.why.empty()) metadata[kWhy] = Wire(detail->text.why, kTextBytes);
  if (!detail->text.fix.empty()) metadata[kFix] = Wire(detail->text.fix, kTextBytes);
  int entries = 0;
  for (const auto& [key, value] : detail->text.metadata) {
    if (key == kWhy || key == kFix) continue;
    if (++entries > kMetadataEntries) break;
    metadata[Wire(key, kMetadataBytes)] = Wire(value, kMetadataBytes);
  }
  google::rpc::Status rich;
  rich.set_code(static_cast<int>(code));
  rich.set_message(message);
  rich.add_details()->PackFrom(info);
  return grpc::Status(code, message, rich.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::Status rich;
  if (!status.error_details().empty() && rich.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : rich.details()) {
      google::rpc::ErrorInfo info;
      if (!any.UnpackTo(&info) || info.domain() != kErrorDomain) continue;
      ErrorText text = {.what = status.error_message()};
      for (const auto& [key, value] : info.metadata()) {
        if (key == kWhy) {
          text.why = value;
        } else if (key == kFix) {
          text.fix = value;
        } else {
          text.metadata[key] = value;
        }
      }
      return MakeError(code, info.reason(), std::move(text));
    }
  }
  return absl::Status(code, status.error_message());
}

}  // namespace kalavai
