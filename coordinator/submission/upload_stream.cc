#include "coordinator/submission/upload_stream.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "grpcpp/alarm.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

// What the alarm may still touch when the stream is gone.
struct IdleGuard {
  absl::Mutex mutex;
  grpc::CallbackServerContext* context = nullptr;  // nullptr once the stream is over
};

class UploadStream final : public grpc::ServerReadReactor<v1::WriteUploadRequest> {
 public:
  UploadStream(grpc::CallbackServerContext* context, const absl::StatusOr<Caller>& caller,
               UploadStreamParts parts, v1::Upload* response)
      : parts_(std::move(parts)),
        response_(response),
        log_("SubmissionService/WriteUpload"),
        guard_(std::make_shared<IdleGuard>()) {
    guard_->context = context;
    if (!caller.ok()) {
      End(caller.status());
      return;
    }
    log_.SetCaller(*caller);
    Next();
  }

  void OnReadDone(bool ok) override {
    alarm_.reset();
    if (!ok) {
      EndOfInput();
      return;
    }
    absl::Status status;
    if (name_.empty()) status = Begin();
    if (status.ok() && complete_) {
      End(AnswerComplete());
      return;
    }
    if (status.ok()) status = Append();
    // A stream may last for hours: whoever was revoked meanwhile gets no further than this.
    if (status.ok() && (message_.finish_write() || session_->NeedsSync())) {
      status = parts_.authorize(name_).status();
    }
    if (!status.ok()) {
      End(status);
    } else if (message_.finish_write()) {
      OnWorker([this] { return session_->Finish(); }, /*last=*/true);
    } else if (session_->NeedsSync()) {
      OnWorker([this] { return session_->Sync(); }, /*last=*/false);
    } else {
      Next();
    }
  }

  void OnDone() override {
    {
      absl::MutexLock lock(&guard_->mutex);
      guard_->context = nullptr;
    }
    delete this;
  }

 private:
  // Reads the next message, with the alarm set.
  void Next() {
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(parts_.idle_timeout),
                [guard = guard_](bool fired) {
                  absl::MutexLock lock(&guard->mutex);
                  if (fired && guard->context != nullptr) guard->context->TryCancel();
                });
    StartRead(&message_);
  }

  // The first message names the upload.
  absl::Status Begin() {
    ASSIGN_OR_RETURN(const UploadRecord upload, parts_.authorize(message_.name()));
    complete_ = upload.complete;
    if (!complete_) {
      ASSIGN_OR_RETURN(session_, parts_.sessions.Open(upload.name));
    }
    name_ = upload.name;
    return absl::OkStatus();
  }

  absl::Status Append() {
    if (message_.data().empty() && message_.finish_write()) return absl::OkStatus();
    return session_->Append(message_.write_offset(), message_.data(), message_.chunk_sha256());
  }

  // A repeated finish of a finished upload is fine; more bytes are not.
  absl::Status AnswerComplete() {
    if (message_.finish_write() && message_.data().empty()) return absl::OkStatus();
    v1::Upload upload;
    RETURN_IF_ERROR(parts_.describe(name_, &upload));
    const std::string size = std::to_string(upload.persisted_size_bytes());
    return MakeError(absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH",
                     {.what = "upload: complete already; must not be written again",
                      .fix = "go on with the next file",
                      .metadata = {{"expected_offset", size}}});
  }

  void OnWorker(std::function<absl::Status()> work, bool last) {
    const absl::Status queued = parts_.queue.Add([this, work = std::move(work), last] {
      const absl::Status status = work();
      if (!status.ok() || last) {
        End(status);
      } else {
        Next();
      }
    });
    if (!queued.ok()) End(queued);
  }

  // The client closed its side, or broke off: what arrived is kept.
  void EndOfInput() {
    if (session_ == nullptr) {
      End(name_.empty() ? absl::CancelledError("the stream ended before its first message")
                        : absl::OkStatus());
      return;
    }
    OnWorker([this] { return session_->Sync(); }, /*last=*/true);
  }

  void End(absl::Status status) {
    session_.reset();  // syncs and releases before the client can ask or write again
    if (status.ok() && !name_.empty()) status = parts_.describe(name_, response_);
    Finish(log_.End(status));
  }

  UploadStreamParts parts_;
  v1::Upload* const response_;
  RequestLog log_;
  std::shared_ptr<IdleGuard> guard_;
  std::unique_ptr<grpc::Alarm> alarm_;
  v1::WriteUploadRequest message_;
  std::string name_;
  bool complete_ = false;  // when the stream began
  std::unique_ptr<UploadSession> session_;
};

}  // namespace

grpc::ServerReadReactor<v1::WriteUploadRequest>* NewUploadStream(
    grpc::CallbackServerContext* context, const absl::StatusOr<Caller>& caller,
    UploadStreamParts parts, v1::Upload* response) {
  return new UploadStream(context, caller, std::move(parts), response);
}

}  // namespace kalavai::coordinator
