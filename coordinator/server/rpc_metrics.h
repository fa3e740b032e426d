// Counts every call of a listener, whatever service it belongs to and however it ends: a gRPC
// interceptor, so that no handler can forget.
//
//   kalavai_rpc_requests_total{method,code}   when the status goes out, or the call is given up
//   kalavai_rpc_duration_seconds{method}      at the same moment; streams for as long as they last
//
// A method is "Service/Method" of our own protos: gRPC asks for interceptors of registered methods
// only, so a stranger cannot invent label values. Thread-safe.
#ifndef KALAVAI_COORDINATOR_SERVER_RPC_METRICS_H_
#define KALAVAI_COORDINATOR_SERVER_RPC_METRICS_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "grpcpp/support/server_interceptor.h"

#include "common/base/metrics.h"

namespace kalavai::coordinator {

class RpcMetrics {
 public:
  explicit RpcMetrics(Metrics& metrics);

  // For one listener; outlived by this object.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeFactory() const;

  // `code` is a grpc::StatusCode.
  void Count(absl::string_view method, int code, double seconds) const;

 private:
  const CounterFamily requests_;
  const HistogramFamily seconds_;
};

// "/kalavai.v1.SubmissionService/WriteUpload" -> "SubmissionService/WriteUpload".
std::string ShortMethod(absl::string_view path);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_RPC_METRICS_H_
