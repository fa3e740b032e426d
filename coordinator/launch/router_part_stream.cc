#include "coordinator/launch/router_part_stream.h"

#include <utility>

#include "common/base/limits.h"

namespace kalavai::coordinator {

RouterPartStream::RouterPartStream(RequestLog log, const absl::StatusOr<ProbeTextRow>& text,
                                   RouterParts& parts, WorkerQueue& workers)
    : log_(std::move(log)) {
  absl::Status status = text.status();
  if (status.ok()) {
    status = workers.Add([this, &parts, text = *text] {
      absl::StatusOr<std::shared_ptr<const std::string>> lines = parts.Read(text);
      if (!lines.ok()) {
        Finish(log_.End(lines.status()));
        return;
      }
      lines_ = *std::move(lines);
      WriteNext();
    });
  }
  if (!status.ok()) Finish(log_.End(status));
}

void RouterPartStream::OnWriteDone(bool ok) {
  if (ok) {
    WriteNext();
    return;
  }
  Finish(log_.End(absl::CancelledError("the reader went away")));
}

void RouterPartStream::WriteNext() {
  if (sent_ >= lines_->size()) {
    Finish(log_.End(absl::OkStatus()));
    return;
  }
  response_.set_data(lines_->substr(sent_, static_cast<size_t>(limits::kTextChunkBytes)));
  sent_ += response_.data().size();
  StartWrite(&response_);
}

}  // namespace kalavai::coordinator
