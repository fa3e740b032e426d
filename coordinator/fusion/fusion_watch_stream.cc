#include "coordinator/fusion/fusion_watch_stream.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "coordinator/fusion/fusion_service.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

class FusionWatchStream final : public grpc::ServerWriteReactor<v1::Fusion> {
 public:
  FusionWatchStream(const FusionStore& fusions, FusionWatch& watch, std::string fusion)
      : log_("FusionService/WatchFusion"),
        fusions_(fusions),
        watch_(watch),
        fusion_(std::move(fusion)) {}

  void Begin(const grpc::CallbackServerContext& context, const CallerResolver& resolver,
             const v1::GetFusionRequest& request) {
    const absl::Status status = Admit(context, resolver, request);
    if (!status.ok()) {
      const absl::MutexLock lock(&mutex_);
      finished_ = true;
      Finish(log_.End(status));
      return;
    }
    // Listening begins before the first read: no change can fall between.
    listener_ = watch_.Add(fusion_, [this] { Step(/*news=*/true, /*wrote=*/false); });
    Step(/*news=*/true, /*wrote=*/false);
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      Step(/*news=*/false, /*wrote=*/true);
    } else {
      Cancel();
    }
  }
  void OnCancel() override { Cancel(); }
  void OnDone() override {
    if (listener_ != 0) watch_.Remove(listener_);
    delete this;
  }

 private:
  absl::Status Admit(const grpc::CallbackServerContext& context, const CallerResolver& resolver,
                     const v1::GetFusionRequest& request) {
    ASSIGN_OR_RETURN(const Caller caller, resolver.Resolve(context, request));
    log_.SetCaller(caller);
    ASSIGN_OR_RETURN(const ChildName name, ParseFusionName(fusion_));
    RETURN_IF_ERROR(caller.RequireCooperative(name.cooperative));
    return fusions_.Get(fusion_).status();
  }

  void Cancel() {
    const absl::MutexLock lock(&mutex_);
    if (finished_) return;
    finished_ = true;
    Finish(log_.End(absl::CancelledError("the caller went away")));
  }

  // Writes the newest state unless a write is under way; ends after a final one.
  void Step(bool news, bool wrote) {
    const absl::MutexLock lock(&mutex_);
    if (wrote) writing_ = false;
    if (news) news_ = true;
    if (finished_ || writing_) return;
    if (final_sent_) {
      finished_ = true;
      Finish(log_.End(absl::OkStatus()));
      return;
    }
    if (!news_) return;
    const absl::StatusOr<FusionRecord> record = fusions_.Get(fusion_);
    if (!record.ok()) {
      finished_ = true;
      Finish(log_.End(record.status()));
      return;
    }
    news_ = false;
    writing_ = true;
    final_sent_ = IsFinal(record->state);
    message_ = FusionToProto(*record, /*with_report=*/true);
    StartWrite(&message_);
  }

  RequestLog log_;
  const FusionStore& fusions_;
  FusionWatch& watch_;
  const std::string fusion_;
  int64_t listener_ = 0;  // set once, before any concurrent call
  absl::Mutex mutex_;
  bool news_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool final_sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  v1::Fusion message_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

grpc::ServerWriteReactor<v1::Fusion>* StartFusionWatch(const grpc::CallbackServerContext& context,
                                                       const CallerResolver& resolver,
                                                       const FusionStore& fusions,
                                                       FusionWatch& watch,
                                                       const v1::GetFusionRequest& request) {
  auto* const stream =
      new FusionWatchStream(fusions, watch, request.name());  // deletes itself in OnDone
  stream->Begin(context, resolver, request);
  return stream;
}

}  // namespace kalavai::coordinator
