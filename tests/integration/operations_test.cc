// Goal: an operator learns over TLS what the server does and whether it can do it; nobody else
// learns anything; and only an upload may be as large as an upload.
// Method: a real server in this process; figures before and after calls; grpc.health.v1 spoken in
// its bytes, as a balancer would.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

#include "common/base/limits.h"
#include "common/rpc/retry.h"
#include "kalavai/v1/checkpoint.grpc.pb.h"
#include "kalavai/v1/cooperative.grpc.pb.h"
#include "kalavai/v1/operations.grpc.pb.h"
#include "kalavai/v1/submission.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::testing {
namespace {

using Admin = v1::CooperativeAdmin::Stub;
using Operations = v1::OperationsService::Stub;

constexpr RetryPolicy kOnce = {.attempts = 1};

absl::StatusOr<v1::Health> AskHealth(InProcessCoordinator& coordinator) {
  const auto stub = v1::OperationsService::NewStub(coordinator.AdministratorChannel());
  return CallUnary(coordinator.address(), *stub, &Operations::GetHealth, v1::GetHealthRequest(),
                   kOnce);
}

// One Watch of grpc.health.v1 for service "".
class HealthWatch {
 public:
  explicit HealthWatch(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
    SetDeadline(context_, kCallTimeout);
    call_ = stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
    call_->StartCall(this);
    REQUIRE(Wait());
    const grpc::Slice empty;
    call_->WriteLast(grpc::ByteBuffer(&empty, 1), {}, this);
    REQUIRE(Wait());
  }
  ~HealthWatch() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, this);
    Wait();
  }

  void Ask() { call_->Read(&answer_, this); }
  // "SERVING", "NOT_SERVING", another answer's size, or "" when the stream is over.
  std::string Answer() {
    if (!Wait()) return "";
    std::vector<grpc::Slice> slices;
    REQUIRE(answer_.Dump(&slices).ok());
    std::string bytes;
    for (const grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    if (bytes == "\x08\x01") return "SERVING";
    if (bytes == "\x08\x02") return "NOT_SERVING";
    return absl::StrCat(bytes.size(), " bytes");
  }

 private:
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    REQUIRE(queue_.Next(&tag, &ok));
    return ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer answer_;
};

TEST_CASE("Calls move the counters of their method and code", "[integration]") {
  InProcessCoordinator coordinator;
  const std::string ok =
      R"(kalavai_rpc_requests_total{code="OK",method="CooperativeAdmin/CreateCooperative"})";
  const std::string missing =
      R"(kalavai_rpc_requests_total{code="NOT_FOUND",method="CooperativeAdmin/GetCooperative"})";
  const std::string enrolled =
      R"(kalavai_rpc_requests_total{code="OK",method="EnrollmentService/EnrollContributor"})";
  CHECK(coordinator.Metric(ok) == -1);
  CHECK(coordinator.Metric("kalavai_log_leaves") == 0);
  coordinator.FoundCooperative("nordic", {"legal", "medical"});
  v1::GetCooperativeRequest request;
  request.set_name("cooperatives/alpine");
  for (int i = 0; i < 2; ++i) {
    REQUIRE_STATUS(CallUnary(coordinator.address(), *coordinator.Administrator(),
                             &Admin::GetCooperative, request),
                   absl::StatusCode::kNotFound, "COOPERATIVE_NOT_FOUND");
  }
  CHECK(coordinator.Metric(ok) == 1);
  CHECK(coordinator.Metric(missing) == 2);
  CHECK(coordinator.Metric(R"(kalavai_rpc_duration_seconds_count{)"
                           R"(method="CooperativeAdmin/GetCooperative"})") == 2);
  CHECK(coordinator.Metric("kalavai_log_leaves") == 1);
  CHECK(coordinator.Metric("kalavai_disk_free_bytes") > 0);
  CHECK(coordinator.Metric("kalavai_database_bytes") > 0);
  CHECK(coordinator.Metric("kalavai_staging_bytes") == 0);
  CHECK(coordinator.Metric(R"(kalavai_fusions{state="probing"})") == 0);
  CHECK(coordinator.Metric(R"(kalavai_queue_waiting_tasks{queue="generation"})") == 0);
  CHECK(coordinator.Metric(R"(kalavai_ready{check="database"})") == 1);
  CHECK(coordinator.Metric(enrolled) == -1);  // the other listener counts into the same figures
}

TEST_CASE("Only administrators see figures and health", "[integration]") {
  const TempDir temp;
  InProcessCoordinator coordinator;
  WriteTinyBase(temp.path(), 1);
  coordinator.LaunchCooperative("nordic", {"legal", "medical"}, temp.path());
  const Member member = coordinator.Enroll("nordic", "st-mary", "medical");
  const auto stub = v1::OperationsService::NewStub(member.channel);
  REQUIRE_STATUS(CallUnary(coordinator.address(), *stub, &Operations::GetMetrics,
                           v1::GetMetricsRequest(), kOnce),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  REQUIRE_STATUS(CallUnary(coordinator.address(), *stub, &Operations::GetHealth,
                           v1::GetHealthRequest(), kOnce),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  const auto nobody = v1::OperationsService::NewStub(
      MakeChannel(coordinator.address(), TlsChannelCredentials(coordinator.authority_pem())));
  const auto got = CallUnary(coordinator.address(), *nobody, &Operations::GetMetrics,
                             v1::GetMetricsRequest(), kOnce);
  CHECK(got.status().code() == absl::StatusCode::kUnavailable);  // the handshake fails
  CHECK(coordinator.Metric(R"(kalavai_rpc_requests_total{code="PERMISSION_DENIED",)"
                           R"(method="OperationsService/GetMetrics"})") == 1);
  CHECK(coordinator.Metric(R"(kalavai_rpc_requests_total{code="OK",)"
                           R"(method="EnrollmentService/EnrollContributor"})") == 1);
}

TEST_CASE("Balancers are told to turn away before a stop", "[integration]") {
  InProcessCoordinator coordinator;
  HealthWatch watch(coordinator.AdministratorChannel());
  watch.Ask();
  REQUIRE(watch.Answer() == "SERVING");
  watch.Ask();
  coordinator.server().Stop(absl::Milliseconds(300));
  CHECK(watch.Answer() == "NOT_SERVING");
  watch.Ask();
  CHECK(watch.Answer() == "");
}

TEST_CASE("A full disk ends readiness, and space brings it back", "[integration]") {
  InProcessCoordinator coordinator;
  REQUIRE_OK_AND_ASSIGN(const v1::Health before, AskHealth(coordinator));
  CHECK(before.serving());
  coordinator.Restart(limits::kBaseBytesMax * 1024);  // a floor above any disk
  REQUIRE_OK_AND_ASSIGN(const v1::Health health, AskHealth(coordinator));
  CHECK_FALSE(health.serving());
  REQUIRE(health.checks_size() == 2);
  CHECK(health.checks(0).name() == "database");
  CHECK(health.checks(0).passed());
  CHECK(health.checks(1).name() == "disk");
  CHECK_FALSE(health.checks(1).passed());
  CHECK(absl::StrContains(health.checks(1).message(), "bytes free"));
  CHECK(coordinator.Metric(R"(kalavai_ready{check="disk"})") == 0);
  CHECK(coordinator.Metric(R"(kalavai_ready{check="database"})") == 1);
  CHECK(coordinator.Metric(R"(kalavai_log_lines_total{level="error"})") > 0);
  {
    HealthWatch watch(coordinator.AdministratorChannel());
    watch.Ask();
    CHECK(watch.Answer() == "NOT_SERVING");
  }
  coordinator.Restart();
  REQUIRE_OK_AND_ASSIGN(const v1::Health after, AskHealth(coordinator));
  CHECK(after.serving());
}

TEST_CASE("A request above 256 KiB is refused wherever no upload is", "[integration]") {
  InProcessCoordinator coordinator;
  const std::string address = coordinator.address();
  const auto channel = coordinator.AdministratorChannel();
  const std::string large(limits::kMessageBytesMax + 1, 'x');
  constexpr auto kCode = absl::StatusCode::kResourceExhausted;
  SECTION("by a unary call") {
    v1::GetCooperativeRequest request;
    request.set_name(large);
    REQUIRE_STATUS(
        CallUnary(address, *coordinator.Administrator(), &Admin::GetCooperative, request, kOnce),
        kCode, "MESSAGE_TOO_LARGE");
    request.mutable_name()->resize(limits::kMessageBytesMax - 4);  // tag and length: 4 bytes
    CHECK(request.ByteSizeLong() == limits::kMessageBytesMax);
    REQUIRE_STATUS(
        CallUnary(address, *coordinator.Administrator(), &Admin::GetCooperative, request, kOnce),
        absl::StatusCode::kInvalidArgument, "NAME_INVALID");
  }
  SECTION("by a call that answers with a stream") {
    const auto stub = v1::CheckpointDistributionService::NewStub(channel);
    grpc::ClientContext context;
    SetDeadline(context, kCallTimeout);
    v1::ReadFileRequest request;
    request.set_name(large);
    const auto reader = stub->ReadFile(&context, request);
    v1::ReadFileResponse piece;
    CHECK_FALSE(reader->Read(&piece));
    REQUIRE_STATUS(CallStatus(reader->Finish(), address), kCode, "MESSAGE_TOO_LARGE");
  }
  SECTION("by a stream of requests") {
    grpc::ClientContext context;
    SetDeadline(context, kCallTimeout);
    v1::ProbeText added;
    const auto writer = coordinator.Administrator()->AddProbeText(&context, &added);
    v1::AddProbeTextRequest request;
    request.set_data(large);
    writer->Write(request);
    writer->WritesDone();
    REQUIRE_STATUS(CallStatus(writer->Finish(), address), kCode, "MESSAGE_TOO_LARGE");
  }
  SECTION("by the enrolment listener, before it is read") {
    const auto got = CallUnary(
        coordinator.enroll_address(), *coordinator.Enrollment(),
        &v1::EnrollmentService::Stub::EnrollContributor,
        [&] {
          v1::EnrollContributorRequest request;
          request.set_secret(large);
          return request;
        }(),
        kOnce);
    CHECK(got.status().code() == kCode);
  }
  SECTION("but an upload's chunk is read") {
    const auto stub = v1::SubmissionService::NewStub(channel);
    grpc::ClientContext context;
    SetDeadline(context, kCallTimeout);
    v1::Upload upload;
    const auto writer = stub->WriteUpload(&context, &upload);
    v1::WriteUploadRequest request;
    request.set_name("cooperatives/nordic/submissions/none/uploads/none");
    request.set_data(std::string(limits::kUploadChunkBytes, 'x'));
    writer->Write(request);
    writer->WritesDone();
    REQUIRE_STATUS(CallStatus(writer->Finish(), address), absl::StatusCode::kInvalidArgument,
                   "NAME_INVALID");
  }
}

}  // namespace
}  // namespace kalavai::testing
