#include "coordinator/unary_handler.h"

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "common/base/errors.h"
#include "common/base/logging.h"
#include "common/rpc/status_conversion.h"

namespace kalavai::coordinator {

RequestLog::RequestLog(absl::string_view method) : method_(method) {}

grpc::Status RequestLog::End(const absl::Status& status) const {
  const double milliseconds = absl::ToDoubleMilliseconds(watch_.Elapsed());
  const std::string spent = absl::StrFormat("%.1f", milliseconds);
  if (status.ok()) {
    LogInfo("Served request",
            {{"method", method_}, {"caller", caller_}, {"code", "OK"}, {"ms", spent}});
  } else {
    LogWarning("Refused request", {{"method", method_},
                                   {"caller", caller_},
                                   {"code", absl::StatusCodeToString(status.code())},
                                   {"reason", GetErrorReason(status)},
                                   {"ms", spent}});
  }
  return ToGrpcStatus(status);
}

grpc::ServerUnaryReactor* HandleUnary(grpc::CallbackServerContext* context,
                                      const google::protobuf::MessageLite& request,
                                      const CallerResolver& resolver, absl::string_view method,
                                      absl::FunctionRef<absl::Status(const Caller&)> body) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  RequestLog log(method);
  const absl::StatusOr<Caller> caller = resolver.Resolve(*context, request);
  if (!caller.ok()) {
    reactor->Finish(log.End(caller.status()));
    return reactor;
  }
  log.SetCaller(*caller);
  reactor->Finish(log.End(body(*caller)));
  return reactor;
}

grpc::ServerUnaryReactor* HandleAnonymousUnary(grpc::CallbackServerContext* context,
                                               const google::protobuf::MessageLite& request,
                                               absl::string_view method,
                                               absl::FunctionRef<absl::Status()> body) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const RequestLog log(method);
  const absl::Status sized = CheckMessageSize(request);
  reactor->Finish(log.End(sized.ok() ? body() : sized));
  return reactor;
}

}  // namespace kalavai::coordinator
