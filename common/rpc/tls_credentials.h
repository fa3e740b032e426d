// TLS for gRPC from PEM texts. There is no credential without TLS: nothing in the product calls
// grpc::Insecure….
//
// Mutual TLS on every listener but enrolment: the handshake fails unless the caller shows a
// certificate of `client_authority_pem`
// (GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY). Whose certificate it is, and
// whether it was revoked, decides coordinator/caller_identity on each call. gRPC 1.51 negotiates
// TLS 1.3 between two of ours and cannot forbid 1.2. Pure functions.
#ifndef KALAVAI_COMMON_RPC_TLS_CREDENTIALS_H_
#define KALAVAI_COMMON_RPC_TLS_CREDENTIALS_H_

#include <memory>
#include <string>

#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"

namespace kalavai {

// A private key and the chain that goes with it, leaf first. Secret: never logged.
struct TlsIdentity {
  std::string private_key_pem;
  std::string certificate_chain_pem;
};

std::shared_ptr<grpc::ServerCredentials> MutualTlsServerCredentials(
    const TlsIdentity& identity, const std::string& client_authority_pem);

// Server authentication only: the enrolment listener.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(const TlsIdentity& identity);

// `authority_pem` is the only root that is trusted; the system's are not.
std::shared_ptr<grpc::ChannelCredentials> MutualTlsChannelCredentials(
    const TlsIdentity& identity, const std::string& authority_pem);
std::shared_ptr<grpc::ChannelCredentials> TlsChannelCredentials(const std::string& authority_pem);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_TLS_CREDENTIALS_H_
