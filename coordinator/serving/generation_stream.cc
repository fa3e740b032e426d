#include "coordinator/serving/generation_stream.h"

#include <utility>

namespace kalavai::coordinator {

std::shared_ptr<GenerationStream> GenerationStream::Create(RequestLog log) {
  std::shared_ptr<GenerationStream> stream(new GenerationStream(std::move(log)));
  stream->self_ = stream;
  return stream;
}

bool GenerationStream::OnText(absl::string_view text) {
  const absl::MutexLock lock(&mutex_);
  if (gone_) return false;
  v1::GenerateResponse message;
  message.set_text(text.data(), text.size());
  waiting_.push_back(std::move(message));
  Step();
  return true;
}

void GenerationStream::OnResult(const absl::StatusOr<GenerationResult>& result,
                                const LastMessage& last) {
  const absl::MutexLock lock(&mutex_);
  if (result.ok()) waiting_.push_back(last(*result));
  end_ = result.status();
  Step();
}

void GenerationStream::End(const absl::Status& status) {
  const absl::MutexLock lock(&mutex_);
  end_ = status;
  Step();
}

void GenerationStream::Step() {
  if (writing_ || finished_) return;
  if (gone_) waiting_.clear();
  if (!waiting_.empty()) {
    writing_ = true;
    StartWrite(&waiting_.front());
    return;
  }
  if (!end_.has_value()) return;
  finished_ = true;
  Finish(log_.End(*end_));
}

void GenerationStream::OnWriteDone(bool ok) {
  const absl::MutexLock lock(&mutex_);
  writing_ = false;
  waiting_.pop_front();
  if (!ok) gone_ = true;
  Step();
}

void GenerationStream::OnCancel() {
  const absl::MutexLock lock(&mutex_);
  gone_ = true;
}

void GenerationStream::OnDone() {
  // The engine may still hold this stream; the last of both deletes it.
  const std::shared_ptr<GenerationStream> self = std::exchange(self_, nullptr);
}

}  // namespace kalavai::coordinator
