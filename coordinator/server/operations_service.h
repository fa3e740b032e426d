// OperationsService: what an operator asks of a running coordinator. Administrators only, because
// figures tell who is how busy; there is no listener without TLS for them. Thread-safe.
#ifndef KALAVAI_COORDINATOR_SERVER_OPERATIONS_SERVICE_H_
#define KALAVAI_COORDINATOR_SERVER_OPERATIONS_SERVICE_H_

#include <functional>
#include <utility>

#include "common/base/metrics.h"
#include "coordinator/caller_identity.h"
#include "kalavai/v1/operations.grpc.pb.h"

namespace kalavai::coordinator {

class OperationsService final : public v1::OperationsService::CallbackService {
 public:
  // `metrics` and `resolver` outlive the service.
  OperationsService(Metrics& metrics, std::function<v1::Health()> health,
                    const CallerResolver& resolver)
      : metrics_(metrics), health_(std::move(health)), resolver_(resolver) {}

  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const v1::GetMetricsRequest* request,
                                       v1::GetMetricsResponse* response) override;
  grpc::ServerUnaryReactor* GetHealth(grpc::CallbackServerContext* context,
                                      const v1::GetHealthRequest* request,
                                      v1::Health* response) override;

 private:
  Metrics& metrics_;
  const std::function<v1::Health()> health_;
  const CallerResolver& resolver_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_OPERATIONS_SERVICE_H_
