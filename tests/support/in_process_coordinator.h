// A real coordinator in the test's process: data directory made by InitDataDirectory, both
// listeners on free loopback ports, real TLS. And its callers.
//
//   InProcessCoordinator coordinator;
//   auto admin = coordinator.Administrator();
//   v1::Cooperative c = coordinator.FoundCooperative("nordic", {"legal", "medical"});
//   WriteTinyBase(dir.path()); …ImportCheckpoint… …LaunchCooperative…
//   Member member = coordinator.Enroll("nordic", "st-mary", "medical");
//   v1::SubmissionService::NewStub(member.channel)
//
// Aborts (REQUIRE) where set-up fails. Used by one thread.
#ifndef KALAVAI_TESTS_SUPPORT_IN_PROCESS_COORDINATOR_H_
#define KALAVAI_TESTS_SUPPORT_IN_PROCESS_COORDINATOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"

#include "common/base/limits.h"
#include "common/crypto/signing_key.h"
#include "common/rpc/tls_credentials.h"
#include "coordinator/data_directory.h"
#include "coordinator/server/server.h"
#include "kalavai/v1/cooperative.grpc.pb.h"
#include "kalavai/v1/enrollment.grpc.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace kalavai::testing {

// What a member has after joining.
struct Member {
  std::string name;  // cooperatives/{c}/contributors/{m}
  SigningKey signing_key;
  TlsIdentity tls;
  v1::EnrollContributorResponse enrollment;
  std::shared_ptr<grpc::Channel> channel;  // to the main listener, with the member's certificate
};

class InProcessCoordinator {
 public:
  InProcessCoordinator();

  const std::string& data() const { return data_; }
  FakeClock& clock() { return clock_; }
  coordinator::Server& server() { return *server_; }
  std::string address() const;         // localhost:port of the main listener
  std::string enroll_address() const;  // of the enrolment listener
  std::string authority_pem() const;

  // Stops the server and starts it again on the same data, on new ports. Channels made before are
  // dead afterwards: make new ones.
  void Restart(int64_t free_space_floor_bytes = kFreeSpaceFloorBytes);
  void Stop() { server_.reset(); }

  // The value of one series as GetMetrics says it, named as in the text:
  // `kalavai_submissions_total{reason="",state="admitted"}`; -1 when there is none.
  double Metric(const std::string& series) const;

  // With the administrator's certificate.
  std::shared_ptr<grpc::Channel> AdministratorChannel() const;
  std::unique_ptr<v1::CooperativeAdmin::Stub> Administrator() const;
  // With a member's certificate (after Restart).
  std::shared_ptr<grpc::Channel> MemberChannel(const Member& member) const;
  // To the enrolment listener.
  std::unique_ptr<v1::EnrollmentService::Stub> Enrollment() const;

  // DRAFT with these domains.
  v1::Cooperative FoundCooperative(const std::string& cooperative,
                                   const std::vector<std::string>& domains,
                                   int32_t freeze_depth = 0, int32_t chunk_tokens = 16);
  // FoundCooperative, import of `base_directory`, launch.
  v1::Cooperative LaunchCooperative(const std::string& cooperative,
                                    const std::vector<std::string>& domains,
                                    const std::string& base_directory, int32_t freeze_depth = 0,
                                    int32_t chunk_tokens = 16);
  absl::StatusOr<v1::ProbeText> AddProbeText(const std::string& cooperative,
                                             const std::string& domain, const std::string& text,
                                             const std::string& format = "txt",
                                             bool public_class = false);
  // The invitation's code; `secret` in it is what EnrollContributor takes.
  std::string Invite(const std::string& cooperative, const std::string& contributor,
                     const std::string& domain);
  // Invites and enrols.
  Member Enroll(const std::string& cooperative, const std::string& contributor,
                const std::string& domain);

 private:
  static constexpr int64_t kFreeSpaceFloorBytes = 16 * limits::kMiB;
  void Start(int64_t free_space_floor_bytes);

  TempDir directory_;
  std::string data_;
  FakeClock clock_;
  std::unique_ptr<coordinator::Server> server_;
};

// The secret inside an invitation's code.
std::string SecretOf(const std::string& code);

// A valid enrolment request with fresh keys; `tls_key` and `signing_key` receive them.
v1::EnrollContributorRequest MakeEnrollment(const std::string& secret, const SigningKey& tls_key,
                                            const SigningKey& signing_key);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_IN_PROCESS_COORDINATOR_H_
