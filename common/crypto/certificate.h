// X.509, all of it: the cooperative's private authority, the certificates it issues, signing
// requests, and the few fields we read from a certificate. Text is PEM everywhere.
//
//   coordinator init   ASSIGN_OR_RETURN(auto ca, CertificateAuthority::Create("…", clock.Now()));
//   member joins       ASSIGN_OR_RETURN(std::string csr, CreateCsr(key, "st-mary"));
//   coordinator        ca.IssueClientCertificate({.csr_pem = csr, .common_name = "st-mary", …});
//
// The authority decides the subject: of a request only the public key is used, after its
// self-signature has proved that the requester holds the private key. A contributor's id is the
// certificate's common name. Serial numbers are 128 random bits.
//
// Errors: INVALID_ARGUMENT CERTIFICATE_INVALID (not one certificate or request in PEM, or a field
// is absent or ambiguous), PERMISSION_DENIED CERTIFICATE_INVALID (expired, of another authority or
// purpose), INVALID_ARGUMENT NAME_INVALID (a DNS name, address or common name that cannot be),
// INTERNAL INTERNAL (OpenSSL itself failed). Values and pure functions; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_CERTIFICATE_H_
#define KALAVAI_COMMON_CRYPTO_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
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

// A P-256 root with path length 0: it signs leaves, nothing else.
class CertificateAuthority {
 public:
  // Self-signed, valid for ten years from `now`.
  static absl::StatusOr<CertificateAuthority> Create(absl::string_view common_name, absl::Time now);

  // CERTIFICATE_INVALID when the certificate is no authority's or belongs to another key.
  static absl::StatusOr<CertificateAuthority> Load(absl::string_view certificate_pem,
                                                   SigningKey key);

  // Valid from five minutes before `now` (clocks differ) to `now` + lifetime, never beyond the
  // authority's own end. Server: serverAuth and the names as SAN. Client: clientAuth.
  absl::StatusOr<std::string> IssueServerCertificate(const ServerCertificateRequest& request) const;
  absl::StatusOr<std::string> IssueClientCertificate(const ClientCertificateRequest& request) const;

  const std::string& certificate_pem() const { return certificate_pem_; }
  const SigningKey& key() const { return key_; }

 private:
  CertificateAuthority(std::string certificate_pem, SigningKey key)
      : certificate_pem_(std::move(certificate_pem)), key_(std::move(key)) {}

  std::string certificate_pem_;
  SigningKey key_;
};

// A signing request (PKCS#10) for `key`. `common_name` is a wish; the authority decides.
absl::StatusOr<std::string> CreateCsr(const SigningKey& key, absl::string_view common_name);
// The key in a request whose self-signature verifies; CERTIFICATE_INVALID otherwise.
absl::StatusOr<PublicKey> PublicKeyOfCsr(absl::string_view csr_pem);

// SHA-256 of the certificate's DER: what an invitation carries and `openssl x509 -fingerprint
// -sha256` prints.
absl::StatusOr<Digest> Fingerprint(absl::string_view certificate_pem);
// The subject's only common name.
absl::StatusOr<std::string> CommonName(absl::string_view certificate_pem);
absl::StatusOr<absl::Time> NotBefore(absl::string_view certificate_pem);
absl::StatusOr<absl::Time> NotAfter(absl::string_view certificate_pem);
absl::StatusOr<PublicKey> PublicKeyOf(absl::string_view certificate_pem);
// Lower-case hexadecimal, no leading zeros beyond full bytes; the name of a certificate in a
// revocation list.
absl::StatusOr<std::string> SerialNumber(absl::string_view certificate_pem);

enum class CertificatePurpose { kServer, kClient };
// OK when `certificate_pem` is a leaf signed by `authority_pem`, valid at `now`, for `purpose`.
absl::Status VerifyIssuedBy(absl::string_view certificate_pem, absl::string_view authority_pem,
                            CertificatePurpose purpose, absl::Time now);

// Splits concatenated PEM certificates (a chain file); CERTIFICATE_INVALID when there is none.
absl::StatusOr<std::vector<std::string>> SplitCertificates(absl::string_view pem);

// Connects, makes a TLS handshake (SNI = host, ALPN h2) WITHOUT trusting anybody, sends nothing,
// and returns the certificates the peer showed, leaf first. Only for comparing with a pinned
// fingerprint: `kalavai join` finds the authority by the fingerprint of its invitation, so a server
// sends its authority's certificate in its chain. UNAVAILABLE COORDINATOR_UNREACHABLE: no address,
// no connection, no handshake within `timeout`.
absl::StatusOr<std::vector<std::string>> FetchPeerChain(const std::string& host, int port,
                                                        absl::Duration timeout);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_CERTIFICATE_H_
