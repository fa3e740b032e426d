// The cooperative's private authority: a P-256 root with path length 0 that issues the
// certificates of servers and contributors. Requests and reading certificates: certificate.h.
//
//   coordinator init   ASSIGN_OR_RETURN(auto ca, CertificateAuthority::Create("…", clock.Now()));
//   a member joins     ca.IssueClientCertificate({.csr_pem = csr, .common_name = "st-mary", …});
//
// The authority decides the subject: of a request only the public key is used, after its
// self-signature has proved that the requester holds the private key. Serial numbers are 128 random
// bits. Errors as in certificate.h. A value; any thread may call its const methods.
#ifndef KALAVAI_COMMON_CRYPTO_CERTIFICATE_AUTHORITY_H_
#define KALAVAI_COMMON_CRYPTO_CERTIFICATE_AUTHORITY_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/signing_key.h"

namespace kalavai {

struct ServerCertificateRequest {
  PublicKey public_key;
  std::string common_name;
  std::vector<std::string> dns_names = {};
  std::vector<std::string> ip_addresses = {};  // "127.0.0.1", "::1"; at least one of both lists
  absl::Time now;
  absl::Duration lifetime;
};

struct ClientCertificateRequest {
  std::string csr_pem;
  std::string common_name;  // the contributor's id; the request's own subject is ignored
  absl::Time now;
  absl::Duration lifetime;
};

class CertificateAuthority {
 public:
  // Self-signed, valid for ten years from `now`.
  static absl::StatusOr<CertificateAuthority> Create(absl::string_view common_name, absl::Time now);

  // CERTIFICATE_INVALID when the certificate is no authority's or belongs to another key.
  static absl::StatusOr<CertificateAuthority> Load(absl::string_view certificate_pem,
                                                   SigningKey key);

  // Valid from five minutes before `now` (clocks differ) to `now` + lifetime, but never outside the
  // authority's own validity. Server: serverAuth and the names as subjectAltName. Client:
  // clientAuth. NAME_INVALID for names that cannot be, FIELD_INVALID for a lifetime not above zero.
  absl::StatusOr<std::string> IssueServerCertificate(const ServerCertificateRequest& request) const;
  absl::StatusOr<std::string> IssueClientCertificate(const ClientCertificateRequest& request) const;

  const std::string& certificate_pem() const { return certificate_pem_; }
  const SigningKey& key() const { return key_; }

 private:
  struct LeafRequest {
    const PublicKey& public_key;
    std::string common_name;
    absl::Time now;
    absl::Duration lifetime;
    std::string extended_key_usage;
    std::string alternative_names = {};
  };
  CertificateAuthority(std::string certificate_pem, SigningKey key)
      : certificate_pem_(std::move(certificate_pem)), key_(std::move(key)) {}
  absl::StatusOr<std::string> IssueLeaf(const LeafRequest& request) const;

  std::string certificate_pem_;
  SigningKey key_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_CERTIFICATE_AUTHORITY_H_
