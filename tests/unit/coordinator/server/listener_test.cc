// Goal: a listener answers standard health probes as it was told, and counts its calls.
// Method: a real listener on a free loopback port; grpc.health.v1 is spoken in its bytes, as a
// client that knows nothing of ours would.
#include "coordinator/server/listener.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/support/byte_buffer.h"

#include "kalavai/v1/operations.grpc.pb.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

class Service final : public v1::OperationsService::CallbackService {};

// The bytes of grpc.health.v1.HealthCheckResponse for service "": field 1, 1 = SERVING, 2 = not.
std::string CheckHealth(const std::shared_ptr<grpc::Channel>& channel) {
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext context;
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel.get(), method, &context, request, &response);
  if (!status.ok()) return absl::StrCat("code ", static_cast<int>(status.error_code()));
  std::vector<grpc::Slice> slices;
  REQUIRE(response.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

TEST_CASE("Standard probes see what the listener was told", "[server]") {
  Metrics metrics;
  const RpcMetrics rpc(metrics);
  Service service;
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Start({.address = "127.0.0.1:0",
                       .credentials = grpc::InsecureServerCredentials(),
                       .services = {&service},
                       .flag = "--listen",
                       .metrics = &rpc,
                       .health = true});
  REQUIRE_OK(listener);
  const auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*listener)->port()),
                                           grpc::InsecureChannelCredentials());
  const std::string serving("\x08\x01", 2);
  const std::string not_serving("\x08\x02", 2);
  CHECK(CheckHealth(channel) == not_serving);
  (*listener)->SetServing(true);
  CHECK(CheckHealth(channel) == serving);
  (*listener)->SetServing(false);
  CHECK(CheckHealth(channel) == not_serving);
  (*listener)->Stop(absl::ZeroDuration());
  CHECK(absl::StrContains(metrics.Text(),
                          "kalavai_rpc_requests_total{code=\"OK\",method=\"Health/Check\"} 3\n"));
}

TEST_CASE("A listener without health has no such service", "[server]") {
  Service service;
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Start({.address = "127.0.0.1:0",
                       .credentials = grpc::InsecureServerCredentials(),
                       .services = {&service},
                       .flag = "--enroll-listen"});
  REQUIRE_OK(listener);
  const auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*listener)->port()),
                                           grpc::InsecureChannelCredentials());
  CHECK(CheckHealth(channel) == "code 12");  // UNIMPLEMENTED
  (*listener)->SetServing(true);             // nothing to tell; no fault either
}

}  // namespace
}  // namespace kalavai::coordinator
