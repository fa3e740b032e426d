// The reactor of one StreamGenerate call: text from the engine's thread into messages, one write at
// a time. The last message alone has finish_reason and usage. A caller that goes away ends the
// generation at its next token. Lives until gRPC and the engine are both done with it.
#ifndef KALAVAI_COORDINATOR_SERVING_GENERATION_STREAM_H_
#define KALAVAI_COORDINATOR_SERVING_GENERATION_STREAM_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"

#include "coordinator/serving/generation_engine.h"
#include "coordinator/unary_handler.h"
#include "kalavai/v1/inference.pb.h"

namespace kalavai::coordinator {

class GenerationStream final : public grpc::ServerWriteReactor<v1::GenerateResponse> {
 public:
  // Makes the last message.
  using LastMessage = std::function<v1::GenerateResponse(const GenerationResult&)>;

  static std::shared_ptr<GenerationStream> Create(RequestLog log);

  bool OnText(absl::string_view text);  // false: the caller went away
  void OnResult(const absl::StatusOr<GenerationResult>& result, const LastMessage& last);
  void End(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit GenerationStream(RequestLog log) : log_(std::move(log)) {}
  void Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  RequestLog log_;
  std::shared_ptr<GenerationStream> self_;  // until OnDone
  absl::Mutex mutex_;
  std::deque<v1::GenerateResponse> waiting_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_GENERATION_STREAM_H_
