#include "coordinator/launch/probe_text_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"

namespace kalavai::coordinator {
namespace {

absl::Status FieldError(absl::string_view field, absl::string_view what, absl::string_view fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat(field, ": ", what),
                    .fix = std::string(fix),
                    .metadata = {{"field", std::string(field)}}});
}

}  // namespace

ProbeTextStream::ProbeTextStream(RequestLog log, Steps steps, WorkerQueue& workers,
                                 v1::ProbeText* response)
    : log_(std::move(log)), steps_(std::move(steps)), workers_(workers), response_(response) {
  StartRead(&request_);
}

void ProbeTextStream::End(const absl::Status& status) { Finish(log_.End(status)); }

void ProbeTextStream::OnReadDone(bool ok) {
  if (!ok) {  // the caller has sent everything, or has gone
    const absl::Status queued = workers_.Add([this] { Complete(); });
    if (!queued.ok()) End(queued);
    return;
  }
  const absl::Status taken = Take(request_);
  if (!taken.ok()) {
    End(taken);
    return;
  }
  StartRead(&request_);
}

absl::Status ProbeTextStream::Take(const v1::AddProbeTextRequest& request) {
  RETURN_IF_ERROR(CheckMessageSize(request));
  if (request.has_header() != !has_header_) {
    return FieldError(
        "part",
        has_header_ ? "a second header found; must be data" : "data found; must be the header",
        "send the header first and once");
  }
  return request.has_header() ? TakeHeader(request.header()) : TakeData(request.data());
}

absl::Status ProbeTextStream::TakeHeader(const Header& header) {
  has_header_ = true;
  header_ = header;
  if (header.format() != "jsonl" && header.format() != "txt") {
    return FieldError("format", "must be 'jsonl' or 'txt'", "use the file's extension");
  }
  if (header.size_bytes() > limits::kProbeTextBytesMax) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "PROBE_TEXT_TOO_LARGE",
        {.what = absl::StrCat("probe text of ", header.size_bytes(),
                              " bytes found; must be at most ", limits::kProbeTextBytesMax),
         .why = "every model reads all of it",
         .fix = "take a sample: 64 chunks a domain are enough"});
  }
  if (header.size_bytes() <= 0) {
    return FieldError("size_bytes", absl::StrCat(header.size_bytes(), " found; must be positive"),
                      "add text");
  }
  return steps_.check(header);
}

absl::Status ProbeTextStream::TakeData(const std::string& data) {
  const auto size = static_cast<int64_t>(text_.size() + data.size());
  if (static_cast<int64_t>(data.size()) > limits::kTextChunkBytes) {
    return FieldError("data", "must be at most 128 KiB a message", "send smaller pieces");
  }
  if (size > header_.size_bytes()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH",
                     {.what = absl::StrCat("probe text: more than the declared ",
                                           header_.size_bytes(), " bytes found"),
                      .fix = "send the file again; it may have changed meanwhile"});
  }
  text_ += data;
  return absl::OkStatus();
}

void ProbeTextStream::Complete() {
  if (!has_header_) {
    End(FieldError("part", "no message found; must begin with the header", "send the header"));
    return;
  }
  if (static_cast<int64_t>(text_.size()) != header_.size_bytes() ||
      Sha256Of(text_).Hex() != header_.sha256()) {
    End(MakeError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
                  {.what = absl::StrCat("probe text: ", text_.size(), " bytes of SHA-256 ",
                                        Sha256Of(text_).Hex(), " found; must be ",
                                        header_.size_bytes(), " bytes of the declared digest"),
                   .fix = "send the file again"}));
    return;
  }
  absl::StatusOr<v1::ProbeText> stored = steps_.store(header_, text_);
  if (stored.ok()) *response_ = *std::move(stored);
  End(stored.status());
}

}  // namespace kalavai::coordinator
