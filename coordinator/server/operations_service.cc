#include "coordinator/server/operations_service.h"

#include "common/base/status_macros.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {

grpc::ServerUnaryReactor* OperationsService::GetMetrics(grpc::CallbackServerContext* context,
                                                        const v1::GetMetricsRequest* request,
                                                        v1::GetMetricsResponse* response) {
  return HandleUnary(context, *request, resolver_, "OperationsService/GetMetrics",
                     [&](const Caller& caller) -> absl::Status {
                       RETURN_IF_ERROR(caller.RequireAdministrator());
                       response->set_text(metrics_.Text());
                       return absl::OkStatus();
                     });
}

grpc::ServerUnaryReactor* OperationsService::GetHealth(grpc::CallbackServerContext* context,
                                                       const v1::GetHealthRequest* request,
                                                       v1::Health* response) {
  return HandleUnary(context, *request, resolver_, "OperationsService/GetHealth",
                     [&](const Caller& caller) -> absl::Status {
                       RETURN_IF_ERROR(caller.RequireAdministrator());
                       *response = health_();
                       return absl::OkStatus();
                     });
}

}  // namespace kalavai::coordinator
