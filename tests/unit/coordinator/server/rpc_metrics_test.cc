// Goal: every call of a listener is counted with its method and code, without the handler's help.
// Method: a real callback service in this process, answering and refusing; the text afterwards.
#include "coordinator/server/rpc_metrics.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

#include "kalavai/v1/operations.grpc.pb.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

class Service final : public v1::OperationsService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetHealth(grpc::CallbackServerContext* context,
                                      const v1::GetHealthRequest*, v1::Health*) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

TEST_CASE("Calls are counted by method and code", "[server]") {
  Metrics metrics;
  const RpcMetrics rpc(metrics);
  Service service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
  factories.push_back(rpc.MakeFactory());
  builder.experimental().SetInterceptorCreators(std::move(factories));
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  REQUIRE(server != nullptr);
  const auto stub = v1::OperationsService::NewStub(server->InProcessChannel({}));
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    v1::Health health;
    REQUIRE(stub->GetHealth(&context, {}, &health).ok());
  }
  {
    grpc::ClientContext context;
    v1::GetMetricsResponse response;
    CHECK(stub->GetMetrics(&context, {}, &response).error_code() ==
          grpc::StatusCode::UNIMPLEMENTED);
  }
  server->Shutdown();
  server->Wait();
  server.reset();
  const std::string text = metrics.Text();
  INFO(text);
  CHECK(absl::StrContains(
      text, "kalavai_rpc_requests_total{code=\"OK\",method=\"OperationsService/GetHealth\"} 2\n"));
  CHECK(absl::StrContains(text,
                          "kalavai_rpc_requests_total{code=\"UNIMPLEMENTED\","
                          "method=\"OperationsService/GetMetrics\"} 1\n"));
  CHECK(absl::StrContains(
      text, "kalavai_rpc_duration_seconds_count{method=\"OperationsService/GetHealth\"} 2\n"));
}

TEST_CASE("Methods are shown without their package", "[server]") {
  CHECK(ShortMethod("/kalavai.v1.SubmissionService/WriteUpload") ==
        "SubmissionService/WriteUpload");
  CHECK(ShortMethod("/grpc.health.v1.Health/Check") == "Health/Check");
  CHECK(ShortMethod("/Health/Check") == "Health/Check");
  CHECK(ShortMethod("odd") == "odd");
}

}  // namespace
}  // namespace kalavai::coordinator
