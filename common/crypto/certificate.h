// X.509 without an authority's key: signing requests, and the few fields we read from certificates.
// Text is PEM everywhere. The authority is in certificate_authority.h, included here; all of X.509
// is in these two and peer_chain.cc.
//
//   a member joins     ASSIGN_OR_RETURN(std::string csr, CreateCsr(key, "st-mary"));
//
// A contributor's id is the certificate's common name.
// Errors: INVALID_ARGUMENT CERTIFICATE_INVALID (not one certificate or request in PEM, or a field
// is absent or ambiguous), PERMISSION_DENIED CERTIFICATE_INVALID (expired, of another authority or
// purpose), INVALID_ARGUMENT NAME_INVALID (a DNS name, address or common name that cannot be),
// INTERNAL INTERNAL (OpenSSL itself failed). Pure functions; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_CERTIFICATE_H_
#define KALAVAI_COMMON_CRYPTO_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/certificate_authority.h"
#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"

namespace kalavai {

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
// Lower-case hexadecimal, two digits a byte: the name of a certificate in a revocation list.
absl::StatusOr<std::string> SerialNumber(absl::string_view certificate_pem);

enum class CertificatePurpose { kServer, kClient };
// OK when `certificate_pem` is a leaf signed by `authority_pem`, valid at `now`, for `purpose`.
// PERMISSION_DENIED CERTIFICATE_INVALID otherwise.
absl::Status VerifyIssuedBy(absl::string_view certificate_pem, absl::string_view authority_pem,
                            CertificatePurpose purpose, absl::Time now);

// Splits concatenated PEM certificates (a chain file), each in canonical form; CERTIFICATE_INVALID
// when there is none or when one cannot be read.
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
