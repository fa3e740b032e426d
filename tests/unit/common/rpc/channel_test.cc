// Goal: a connection that fails says whether nobody answers, nobody we trust answers, or the
// coordinator refused. Method: statuses as gRPC makes them, and a port where nobody listens.
#include "common/rpc/channel.h"

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/rpc/status_conversion.h"
#include "common/rpc/tls_credentials.h"
#include "kalavai/v1/cooperative.grpc.pb.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr char kAddress[] = "coordinator.example:7443";

struct Failure {
  grpc::StatusCode code;
  std::string message;
  absl::StatusCode expected_code;
  std::string expected_reason;
};

TEST_CASE("gRPC's own failures are told apart") {
  const std::vector<Failure> failures = {
      {grpc::UNAVAILABLE, "failed to connect to all addresses", absl::StatusCode::kUnavailable,
       "COORDINATOR_UNREACHABLE"},
      {grpc::UNAVAILABLE, "Socket closed", absl::StatusCode::kUnavailable,
       "COORDINATOR_UNREACHABLE"},
      {grpc::UNAVAILABLE, "Ssl handshake failed: SSL_ERROR_SSL", absl::StatusCode::kUnavailable,
       "COORDINATOR_NOT_TRUSTED"},
      {grpc::UNAVAILABLE, "CERTIFICATE VERIFY FAILED", absl::StatusCode::kUnavailable,
       "COORDINATOR_NOT_TRUSTED"},
      {grpc::UNAVAILABLE, "Peer name other.example is not in peer certificate",
       absl::StatusCode::kUnavailable, "COORDINATOR_NOT_TRUSTED"},
      {grpc::DEADLINE_EXCEEDED, "Deadline Exceeded", absl::StatusCode::kDeadlineExceeded,
       "COORDINATOR_UNREACHABLE"},
      // A late answer is no proof of distrust, whatever its words.
      {grpc::DEADLINE_EXCEEDED, "handshake failed", absl::StatusCode::kDeadlineExceeded,
       "COORDINATOR_UNREACHABLE"},
      {grpc::UNIMPLEMENTED, "no such method", absl::StatusCode::kUnimplemented, ""},
      {grpc::INTERNAL, "RST_STREAM", absl::StatusCode::kInternal, ""},
  };
  for (const Failure& failure : failures) {
    INFO(failure.message);
    const absl::Status status = CallStatus(grpc::Status(failure.code, failure.message), kAddress);
    CHECK(status.code() == failure.expected_code);
    CHECK(GetErrorReason(status) == failure.expected_reason);
    if (!failure.expected_reason.empty()) {
      CHECK(status.message().find(kAddress) != absl::string_view::npos);
    }
  }
  REQUIRE_OK(CallStatus(grpc::Status::OK, kAddress));
}

TEST_CASE("A refusal of the coordinator keeps its own reason") {
  const absl::Status busy =
      MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", {.what = "handshake failed"});
  REQUIRE_STATUS(CallStatus(ToGrpcStatus(busy), kAddress), absl::StatusCode::kUnavailable,
                 "SHUTTING_DOWN");
}

TEST_CASE("A deadline lies as far ahead as asked") {
  grpc::ClientContext context;
  const auto before = std::chrono::system_clock::now();
  SetDeadline(context, absl::Seconds(7));
  const auto after = std::chrono::system_clock::now();
  // gRPC keeps nanoseconds; the clock has them too.
  CHECK(context.deadline() >= before + std::chrono::milliseconds(6999));
  CHECK(context.deadline() <= after + std::chrono::milliseconds(7001));
}

TEST_CASE("Nobody at the address is said so, and channels are not shared") {
  // Port 1 of the loopback: reserved, nobody listens.
  const std::string address = "127.0.0.1:1";
  const auto credentials = TlsChannelCredentials("");
  const auto channel = MakeChannel(address, credentials);
  CHECK(MakeChannel(address, credentials) != channel);
  const auto stub = v1::CooperativeAdmin::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(20));
  v1::Cooperative response;
  const absl::Status status =
      CallStatus(stub->GetCooperative(&context, v1::GetCooperativeRequest(), &response), address);
  REQUIRE_STATUS(status, absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE");
}

}  // namespace
}  // namespace kalavai
