// What every handler does around its own work: resolve the caller (and refuse a request that is too
// large for anything but an upload), run, convert the status, write
// one line of log (method, caller, code, reason, milliseconds). No request or response is logged.
//
// Unary:
//   grpc::ServerUnaryReactor* Service::GetX(grpc::CallbackServerContext* context,
//                                           const v1::GetXRequest* request, v1::X* response) {
//     return HandleUnary(context, *request, resolver_, "XService/GetX",
//                        [&](const Caller& caller) -> absl::Status { … fill *response … });
//   }
// Streams hold a RequestLog and call Finish(log.End(status)) once.
//
// The work runs on gRPC's thread and must be short (about 100 ms at most); longer work goes to a
// WorkerQueue. Thread-safe; a RequestLog belongs to one call.
#ifndef KALAVAI_COORDINATOR_UNARY_HANDLER_H_
#define KALAVAI_COORDINATOR_UNARY_HANDLER_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "grpcpp/support/status.h"

#include "common/base/clock.h"
#include "coordinator/caller_identity.h"

namespace kalavai::coordinator {

class RequestLog {
 public:
  explicit RequestLog(absl::string_view method);  // "Service/Method"
  void SetCaller(const Caller& caller) { caller_ = caller.Name(); }
  // Writes the line and returns what goes on the wire.
  grpc::Status End(const absl::Status& status) const;

 private:
  std::string method_;
  std::string caller_ = "unauthenticated";
  Stopwatch watch_;
};

grpc::ServerUnaryReactor* HandleUnary(grpc::CallbackServerContext* context,
                                      const google::protobuf::MessageLite& request,
                                      const CallerResolver& resolver, absl::string_view method,
                                      absl::FunctionRef<absl::Status(const Caller&)> body);

// Without a caller: the enrolment listener.
grpc::ServerUnaryReactor* HandleAnonymousUnary(grpc::CallbackServerContext* context,
                                               const google::protobuf::MessageLite& request,
                                               absl::string_view method,
                                               absl::FunctionRef<absl::Status()> body);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_UNARY_HANDLER_H_
