// The reactor of AddProbeText and ShareSample: a header, then the bytes in order, then the row.
//
// Bytes are kept in memory (at most limits::kProbeTextBytesMax), hashed as
// they arrive, parsed and split on the worker queue after the last one, stored as a blob and then
// as a row. Nothing is kept of a stream that fails. Deletes itself when gRPC is done with it.
#ifndef KALAVAI_COORDINATOR_LAUNCH_PROBE_TEXT_STREAM_H_
#define KALAVAI_COORDINATOR_LAUNCH_PROBE_TEXT_STREAM_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/server_callback.h"

#include "common/base/worker_queue.h"
#include "coordinator/unary_handler.h"
#include "kalavai/v1/cooperative.pb.h"

namespace kalavai::coordinator {

class ProbeTextStream final : public grpc::ServerReadReactor<v1::AddProbeTextRequest> {
 public:
  using Header = v1::AddProbeTextRequest::Header;
  // `check` looks at the header before the first byte; `store` gets the complete, verified text.
  struct Steps {
    std::function<absl::Status(const Header&)> check;
    std::function<absl::StatusOr<v1::ProbeText>(const Header&, const std::string& text)> store;
  };

  ProbeTextStream(RequestLog log, Steps steps, WorkerQueue& workers, v1::ProbeText* response);

  void OnReadDone(bool ok) override;
  void OnCancel() override {}
  void OnDone() override { delete this; }

 private:
  absl::Status Take(const v1::AddProbeTextRequest& request);
  absl::Status TakeHeader(const Header& header);
  absl::Status TakeData(const std::string& data);
  void Complete();
  void End(const absl::Status& status);

  const RequestLog log_;
  const Steps steps_;
  WorkerQueue& workers_;
  v1::ProbeText* const response_;
  v1::AddProbeTextRequest request_;
  bool has_header_ = false;
  Header header_;
  std::string text_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_PROBE_TEXT_STREAM_H_
