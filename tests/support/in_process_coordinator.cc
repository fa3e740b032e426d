#include "tests/support/in_process_coordinator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/crypto/certificate.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "coordinator/launch/invitation.h"
#include "kalavai/v1/operations.grpc.pb.h"
#include "tests/support/catch.h"

namespace kalavai::testing {
namespace {

using coordinator::AdministratorFiles;
using coordinator::DataDirectory;
using coordinator::LoadAdministratorFiles;
using Stub = v1::CooperativeAdmin::Stub;

}  // namespace

InProcessCoordinator::InProcessCoordinator() : data_(directory_.File("data")) {
  REQUIRE_OK(coordinator::InitDataDirectory({.path = data_, .hosts = {}, .now = clock_.Now()}));
  Start(kFreeSpaceFloorBytes);
}

void InProcessCoordinator::Start(int64_t free_space_floor_bytes) {
  REQUIRE_OK_AND_ASSIGN(server_,
                        coordinator::StartServer({.data = data_,
                                                  .listen = "127.0.0.1:0",
                                                  .enroll_listen = "127.0.0.1:0",
                                                  .advertise = "localhost",
                                                  .threads = 1,
                                                  .free_space_floor_bytes = free_space_floor_bytes,
                                                  .clock = &clock_}));
}

void InProcessCoordinator::Restart(int64_t free_space_floor_bytes) {
  server_.reset();
  Start(free_space_floor_bytes);
}

double InProcessCoordinator::Metric(const std::string& series) const {
  const auto stub = v1::OperationsService::NewStub(AdministratorChannel());
  REQUIRE_OK_AND_ASSIGN(const v1::GetMetricsResponse metrics,
                        CallUnary(address(), *stub, &v1::OperationsService::Stub::GetMetrics,
                                  v1::GetMetricsRequest()));
  const std::string start = absl::StrCat("\n", series, " ");
  const std::string text = absl::StrCat("\n", metrics.text());
  const size_t at = text.find(start);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + start.size()));
}

std::string InProcessCoordinator::address() const {
  return absl::StrCat("localhost:", server_->port());
}

std::string InProcessCoordinator::enroll_address() const {
  return absl::StrCat("localhost:", server_->enroll_port());
}

std::string InProcessCoordinator::authority_pem() const {
  return ReadFile(DataDirectory(data_).AuthorityCertificatePath());
}

std::shared_ptr<grpc::Channel> InProcessCoordinator::AdministratorChannel() const {
  REQUIRE_OK_AND_ASSIGN(const AdministratorFiles files,
                        LoadAdministratorFiles(DataDirectory(data_).AdministratorPath()));
  return MakeChannel(address(), MutualTlsChannelCredentials(files.identity, files.authority_pem));
}

std::unique_ptr<Stub> InProcessCoordinator::Administrator() const {
  return v1::CooperativeAdmin::NewStub(AdministratorChannel());
}

std::shared_ptr<grpc::Channel> InProcessCoordinator::MemberChannel(const Member& member) const {
  return MakeChannel(address(), MutualTlsChannelCredentials(member.tls, authority_pem()));
}

std::unique_ptr<v1::EnrollmentService::Stub> InProcessCoordinator::Enrollment() const {
  return v1::EnrollmentService::NewStub(
      MakeChannel(enroll_address(), TlsChannelCredentials(authority_pem())));
}

v1::Cooperative InProcessCoordinator::FoundCooperative(const std::string& cooperative,
                                                       const std::vector<std::string>& domains,
                                                       int32_t freeze_depth, int32_t chunk_tokens) {
  v1::CreateCooperativeRequest request;
  request.set_cooperative_id(cooperative);
  for (const std::string& domain : domains) request.mutable_cooperative()->add_domains(domain);
  request.mutable_cooperative()->set_freeze_depth(freeze_depth);
  request.mutable_cooperative()->set_chunk_tokens(chunk_tokens);
  REQUIRE_OK_AND_ASSIGN(v1::Cooperative founded,
                        CallUnary(address(), *Administrator(), &Stub::CreateCooperative, request));
  return founded;
}

v1::Cooperative InProcessCoordinator::LaunchCooperative(const std::string& cooperative,
                                                        const std::vector<std::string>& domains,
                                                        const std::string& base_directory,
                                                        int32_t freeze_depth,
                                                        int32_t chunk_tokens) {
  FoundCooperative(cooperative, domains, freeze_depth, chunk_tokens);
  const auto admin = Administrator();
  v1::ImportCheckpointRequest import;
  import.set_parent(absl::StrCat("cooperatives/", cooperative));
  import.set_source_directory(base_directory);
  REQUIRE_OK(CallUnary(address(), *admin, &Stub::ImportCheckpoint, import));
  v1::LaunchCooperativeRequest launch;
  launch.set_name(import.parent());
  REQUIRE_OK_AND_ASSIGN(v1::Cooperative launched,
                        CallUnary(address(), *admin, &Stub::LaunchCooperative, launch));
  return launched;
}

absl::StatusOr<v1::ProbeText> InProcessCoordinator::AddProbeText(const std::string& cooperative,
                                                                 const std::string& domain,
                                                                 const std::string& text,
                                                                 const std::string& format,
                                                                 bool public_class) {
  const auto admin = Administrator();
  grpc::ClientContext context;
  SetDeadline(context, kCallTimeout);
  v1::ProbeText added;
  const auto writer = admin->AddProbeText(&context, &added);
  v1::AddProbeTextRequest request;
  v1::AddProbeTextRequest::Header& header = *request.mutable_header();
  header.set_parent(absl::StrCat("cooperatives/", cooperative));
  header.set_domain(domain);
  header.set_public_class(public_class);
  header.set_format(format);
  header.set_size_bytes(static_cast<int64_t>(text.size()));
  header.set_sha256(Sha256Of(text).Hex());
  bool open = writer->Write(request);
  constexpr auto kPiece = static_cast<size_t>(limits::kTextChunkBytes);
  for (size_t sent = 0; open && sent < text.size(); sent += kPiece) {
    request.set_data(text.substr(sent, kPiece));
    open = writer->Write(request);
  }
  if (open) writer->WritesDone();
  const absl::Status status = CallStatus(writer->Finish(), address());
  if (!status.ok()) return status;
  return added;
}

std::string InProcessCoordinator::Invite(const std::string& cooperative,
                                         const std::string& contributor,
                                         const std::string& domain) {
  v1::CreateInvitationRequest request;
  request.set_parent(absl::StrCat("cooperatives/", cooperative));
  request.set_contributor_id(contributor);
  request.set_domain(domain);
  REQUIRE_OK_AND_ASSIGN(const v1::Invitation invitation,
                        CallUnary(address(), *Administrator(), &Stub::CreateInvitation, request));
  return invitation.code();
}

Member InProcessCoordinator::Enroll(const std::string& cooperative, const std::string& contributor,
                                    const std::string& domain) {
  const std::string secret = SecretOf(Invite(cooperative, contributor, domain));
  REQUIRE_OK_AND_ASSIGN(const SigningKey tls_key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(SigningKey signing_key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(
      v1::EnrollContributorResponse response,
      CallUnary(enroll_address(), *Enrollment(), &v1::EnrollmentService::Stub::EnrollContributor,
                MakeEnrollment(secret, tls_key, signing_key)));
  REQUIRE_OK_AND_ASSIGN(std::string private_pem, tls_key.PrivatePem());
  Member member = {.name = response.contributor().name(),
                   .signing_key = std::move(signing_key),
                   .tls = {.private_key_pem = std::move(private_pem),
                           .certificate_chain_pem = response.certificate_chain()},
                   .enrollment = response,
                   .channel = nullptr};
  member.channel = MemberChannel(member);
  return member;
}

std::string SecretOf(const std::string& code) {
  REQUIRE(code.rfind(coordinator::kInvitationPrefix, 0) == 0);
  REQUIRE_OK_AND_ASSIGN(
      const std::string json,
      Base64UrlDecode(code.substr(std::string(coordinator::kInvitationPrefix).size())));
  return nlohmann::json::parse(json).at("secret").get<std::string>();
}

v1::EnrollContributorRequest MakeEnrollment(const std::string& secret, const SigningKey& tls_key,
                                            const SigningKey& signing_key) {
  v1::EnrollContributorRequest request;
  request.set_secret(secret);
  REQUIRE_OK_AND_ASSIGN(const std::string csr, CreateCsr(tls_key, "whatever"));
  REQUIRE_OK_AND_ASSIGN(const std::string proof, signing_key.Sign(csr));
  request.set_certificate_request(csr);
  request.set_signing_public_key(signing_key.public_key().Pem());
  request.set_signing_key_proof(proof);
  return request;
}

}  // namespace kalavai::testing
