// PEM and names of X.509 objects, for the certificate files of this folder.
#ifndef KALAVAI_COMMON_CRYPTO_X509_TEXT_H_
#define KALAVAI_COMMON_CRYPTO_X509_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/openssl.h"
#include "common/crypto/signing_key.h"

namespace kalavai::openssl {

// INVALID_ARGUMENT CERTIFICATE_INVALID with this rule.
absl::Status CertificateError(absl::string_view what);

// Exactly one certificate / request, within 64 KiB.
absl::StatusOr<CertificatePtr> ReadCertificate(absl::string_view pem);
absl::StatusOr<RequestPtr> ReadRequest(absl::string_view pem);
absl::StatusOr<std::string> WriteCertificate(X509* certificate);

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time);

// Digest to sign with a key of this curve.
const EVP_MD* DigestFor(const PublicKey& key);

// Makes `name` the one common name `text`: 1 to 64 printable ASCII characters, NAME_INVALID
// otherwise.
absl::Status SetCommonName(X509_NAME* name, absl::string_view text);

}  // namespace kalavai::openssl

#endif  // KALAVAI_COMMON_CRYPTO_X509_TEXT_H_
