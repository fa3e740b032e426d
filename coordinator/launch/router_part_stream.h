// The reactor of ReadProbeText: lines made by a worker, then limits::kTextChunkBytes a message. A
// slow reader keeps at most kProbeReadBytesMax alive, shared with everybody who reads the
// same text. Deletes itself when gRPC is done with it.
#ifndef KALAVAI_COORDINATOR_LAUNCH_ROUTER_PART_STREAM_H_
#define KALAVAI_COORDINATOR_LAUNCH_ROUTER_PART_STREAM_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"

#include "common/base/worker_queue.h"
#include "coordinator/launch/router_part.h"
#include "coordinator/unary_handler.h"
#include "kalavai/v1/cooperative.pb.h"

namespace kalavai::coordinator {

class RouterPartStream final : public grpc::ServerWriteReactor<v1::ReadProbeTextResponse> {
 public:
  // Ends at once with the status of `text` when it has none. `parts` and `workers` are borrowed.
  RouterPartStream(RequestLog log, const absl::StatusOr<ProbeTextRow>& text, RouterParts& parts,
                   WorkerQueue& workers);

  void OnWriteDone(bool ok) override;
  void OnCancel() override {}
  void OnDone() override { delete this; }

 private:
  void WriteNext();

  const RequestLog log_;
  std::shared_ptr<const std::string> lines_;
  size_t sent_ = 0;
  v1::ReadProbeTextResponse response_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_ROUTER_PART_STREAM_H_
