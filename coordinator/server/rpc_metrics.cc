#include "coordinator/server/rpc_metrics.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpcpp/support/interceptor.h"
#include "grpcpp/support/status.h"

#include "common/base/clock.h"

namespace kalavai::coordinator {
namespace {

// Belongs to one call; gRPC destroys it with the call.
class CountingInterceptor final : public grpc::experimental::Interceptor {
 public:
  CountingInterceptor(const RpcMetrics& metrics, absl::string_view path)
      : metrics_(metrics), method_(ShortMethod(path)) {}
  ~CountingInterceptor() override {
    metrics_.Count(method_, code_, absl::ToDoubleSeconds(watch_.Elapsed()));
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_STATUS)) {
      code_ = methods->GetSendStatus().error_code();
    }
    methods->Proceed();
  }

 private:
  const RpcMetrics& metrics_;
  const std::string method_;
  const Stopwatch watch_;
  int code_ = grpc::StatusCode::CANCELLED;  // until a status goes out
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(const RpcMetrics& metrics) : metrics_(metrics) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    return new CountingInterceptor(metrics_, info->method());  // gRPC takes it
  }

 private:
  const RpcMetrics& metrics_;
};

}  // namespace

RpcMetrics::RpcMetrics(Metrics& metrics)
    : requests_(metrics.AddCounter({.name = "kalavai_rpc_requests_total",
                                    .meaning = "Calls that ended, by status code",
                                    .labels = {"method", "code"}})),
      seconds_(metrics.AddHistogram({.name = "kalavai_rpc_duration_seconds",
                                     .meaning = "Time from the first byte of a call to its status",
                                     .labels = {"method"}},
                                    {0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600})) {}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> RpcMetrics::MakeFactory()
    const {
  return std::make_unique<Factory>(*this);
}

void RpcMetrics::Count(absl::string_view method, int code, double seconds) const {
  const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
  requests_.Increment({method, name});
  seconds_.Observe({method}, seconds);
}

std::string ShortMethod(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos || slash == 0) return std::string(path);
  const size_t dot = path.rfind('.', slash);
  const size_t begin = dot == absl::string_view::npos ? 1 : dot + 1;
  return std::string(path.substr(begin));
}

}  // namespace kalavai::coordinator
