// Goal: only a server of our authority for this host is spoken to, and the mutual listener hears
// only certificates of its authority. Method: a server without methods on the loopback: a handshake
// that succeeds ends in UNIMPLEMENTED, one that fails in UNAVAILABLE.
#include "common/rpc/tls_credentials.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

#include "common/base/errors.h"
#include "common/crypto/certificate.h"
#include "common/crypto/certificate_authority.h"
#include "common/crypto/signing_key.h"
#include "common/rpc/channel.h"
#include "kalavai/v1/cooperative.grpc.pb.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

CertificateAuthority MakeAuthority(const std::string& name) {
  return CertificateAuthority::Create(name, absl::Now()).value();
}

TlsIdentity ServerIdentity(const CertificateAuthority& authority, const std::string& ip) {
  const SigningKey key = SigningKey::Create().value();
  const std::string certificate = authority
                                      .IssueServerCertificate({.public_key = key.public_key(),
                                                               .common_name = "coordinator",
                                                               .ip_addresses = {ip},
                                                               .now = absl::Now(),
                                                               .lifetime = absl::Hours(1)})
                                      .value();
  return {.private_key_pem = key.PrivatePem().value(), .certificate_chain_pem = certificate};
}

TlsIdentity ClientIdentity(const CertificateAuthority& authority) {
  const SigningKey key = SigningKey::Create().value();
  const std::string certificate =
      authority
          .IssueClientCertificate({.csr_pem = CreateCsr(key, "ann").value(),
                                   .common_name = "ann",
                                   .now = absl::Now(),
                                   .lifetime = absl::Hours(1)})
          .value();
  return {.private_key_pem = key.PrivatePem().value(), .certificate_chain_pem = certificate};
}

// Answers every call with UNIMPLEMENTED.
class SilentServer {
 public:
  explicit SilentServer(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(&service_);
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    server_ = builder.BuildAndStart();
    REQUIRE(server_ != nullptr);
    REQUIRE(port_ > 0);
  }
  ~SilentServer() { server_->Shutdown(); }

  // What a call with these credentials ends in.
  absl::Status Call(const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    const std::string address = absl::StrCat("127.0.0.1:", port_);
    const auto stub = v1::CooperativeAdmin::NewStub(MakeChannel(address, credentials));
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(20));
    v1::Cooperative response;
    return CallStatus(stub->GetCooperative(&context, v1::GetCooperativeRequest(), &response),
                      address);
  }

 private:
  grpc::CallbackGenericService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_CASE("A member and its coordinator speak over mutual TLS") {
  const CertificateAuthority authority = MakeAuthority("ours");
  const std::string& root = authority.certificate_pem();
  const SilentServer server(
      MutualTlsServerCredentials(ServerIdentity(authority, "127.0.0.1"), root));
  CHECK(server.Call(MutualTlsChannelCredentials(ClientIdentity(authority), root)).code() ==
        absl::StatusCode::kUnimplemented);
}

TEST_CASE("The mutual listener hears no caller without a certificate of its authority") {
  const CertificateAuthority authority = MakeAuthority("ours");
  const CertificateAuthority other = MakeAuthority("other");
  const std::string& root = authority.certificate_pem();
  const SilentServer server(
      MutualTlsServerCredentials(ServerIdentity(authority, "127.0.0.1"), root));
  CHECK(server.Call(TlsChannelCredentials(root)).code() == absl::StatusCode::kUnavailable);
  CHECK(server.Call(MutualTlsChannelCredentials(ClientIdentity(other), root)).code() ==
        absl::StatusCode::kUnavailable);
}

TEST_CASE("A server of another authority or for another host is not trusted") {
  const CertificateAuthority authority = MakeAuthority("ours");
  const CertificateAuthority other = MakeAuthority("other");
  const std::string& root = authority.certificate_pem();
  const SilentServer foreign(TlsServerCredentials(ServerIdentity(other, "127.0.0.1")));
  REQUIRE_STATUS(foreign.Call(TlsChannelCredentials(root)), absl::StatusCode::kUnavailable,
                 "COORDINATOR_NOT_TRUSTED");
  const SilentServer elsewhere(TlsServerCredentials(ServerIdentity(authority, "127.0.0.2")));
  REQUIRE_STATUS(elsewhere.Call(TlsChannelCredentials(root)), absl::StatusCode::kUnavailable,
                 "COORDINATOR_NOT_TRUSTED");
}

TEST_CASE("The enrolment listener asks for no certificate") {
  const CertificateAuthority authority = MakeAuthority("ours");
  const SilentServer server(TlsServerCredentials(ServerIdentity(authority, "127.0.0.1")));
  CHECK(server.Call(TlsChannelCredentials(authority.certificate_pem())).code() ==
        absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace kalavai
