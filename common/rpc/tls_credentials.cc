#include "common/rpc/tls_credentials.h"

namespace kalavai {

std::shared_ptr<grpc::ServerCredentials> MutualTlsServerCredentials(
    const TlsIdentity& identity, const std::string& client_authority_pem) {
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = client_authority_pem;
  options.pem_key_cert_pairs.push_back({identity.private_key_pem, identity.certificate_chain_pem});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(const TlsIdentity& identity) {
  grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({identity.private_key_pem, identity.certificate_chain_pem});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> MutualTlsChannelCredentials(
    const TlsIdentity& identity, const std::string& authority_pem) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority_pem;
  options.pem_private_key = identity.private_key_pem;
  options.pem_cert_chain = identity.certificate_chain_pem;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> TlsChannelCredentials(const std::string& authority_pem) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority_pem;
  return grpc::SslCredentials(options);
}

}  // namespace kalavai
