#include "common/crypto/certificate.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/crypto/openssl.h"
#include "common/crypto/x509_text.h"

namespace kalavai {
namespace {

using openssl::CertificateError;
using openssl::ReadCertificate;

using StorePtr = std::unique_ptr<X509_STORE, openssl::Deleter<&X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, openssl::Deleter<&X509_STORE_CTX_free>>;

absl::Status Untrusted(absl::string_view what) {
  static_cast<void>(openssl::TakeErrors());
  return MakeError(absl::StatusCode::kPermissionDenied, "CERTIFICATE_INVALID",
                   {.what = absl::StrCat("certificate: ", what),
                    .why = "it must be a leaf of this cooperative's authority, in its time and for "
                           "its purpose",
                    .fix = "join again with a new invitation"});
}

}  // namespace

absl::StatusOr<std::string> CreateCsr(const SigningKey& key, absl::string_view common_name) {
  const openssl::RequestPtr request(X509_REQ_new());
  if (request == nullptr) return openssl::CryptoError("create request");
  RETURN_IF_ERROR(openssl::SetCommonName(X509_REQ_get_subject_name(request.get()), common_name));
  EVP_PKEY* const pair = key.reference().get();
  if (X509_REQ_set_version(request.get(), 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), pair) != 1 ||
      X509_REQ_sign(request.get(), pair, openssl::DigestFor(key.public_key())) <= 0) {
    return openssl::CryptoError("sign request");
  }
  const openssl::BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
    return openssl::CryptoError("write request");
  }
  return openssl::BioText(bio.get());
}

absl::StatusOr<PublicKey> PublicKeyOfCsr(absl::string_view csr_pem) {
  ASSIGN_OR_RETURN(const openssl::RequestPtr request, openssl::ReadRequest(csr_pem));
  KeyReference key(X509_REQ_get_pubkey(request.get()));
  auto public_key = key.get() == nullptr ? CertificateError("request: its key cannot be read")
                                         : PublicKey::FromReference(key);
  if (!public_key.ok()) {
    return CertificateError(absl::StrCat("request: ", public_key.status().message()));
  }
  if (X509_REQ_verify(request.get(), key.get()) != 1) {
    return CertificateError("request: must be signed with its own key, as proof of possession");
  }
  return public_key;
}

absl::StatusOr<Digest> Fingerprint(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const openssl::CertificatePtr certificate, ReadCertificate(certificate_pem));
  std::array<unsigned char, Digest::kBytes> bytes = {};
  unsigned int size = 0;
  if (X509_digest(certificate.get(), EVP_sha256(), bytes.data(), &size) != 1) {
    return openssl::CryptoError("hash certificate");
  }
  return Digest(bytes);
}

absl::StatusOr<std::string> CommonName(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const openssl::CertificatePtr certificate, ReadCertificate(certificate_pem));
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) {
    return CertificateError("its subject must have exactly one common name");
  }
  const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) return CertificateError("its common name must be text");
  std::string name(reinterpret_cast<const char*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  // A NUL or a line feed would let two programs see two names.
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20) {
      return CertificateError("its common name must not contain control characters");
    }
  }
  return name;
}

absl::StatusOr<absl::Time> NotBefore(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const openssl::CertificatePtr certificate, ReadCertificate(certificate_pem));
  return openssl::ReadTime(X509_get0_notBefore(certificate.get()));
}

absl::StatusOr<absl::Time> NotAfter(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const openssl::CertificatePtr certificate, ReadCertificate(certificate_pem));
  return openssl::ReadTime(X509_get0_notAfter(certificate.get()));
}

absl::StatusOr<PublicKey> PublicKeyOf(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const openssl::CertificatePtr certificate, ReadCertificate(certificate_pem));
  KeyReference key(X509_get_pubkey(certificate.get()));
  if (key.get() == nullptr) return CertificateError("its key cannot be read");
  return PublicKey::FromReference(std::move(key));
}

absl::StatusOr<std::string> SerialNumber(absl::string_view certificate_pem) {
  ASSIGN_OR_RETURN(const openssl::CertificatePtr certificate, ReadCertificate(certificate_pem));
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(certificate.get());
  return HexEncode(absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                                     static_cast<size_t>(ASN1_STRING_length(serial))));
}

absl::Status VerifyIssuedBy(absl::string_view certificate_pem, absl::string_view authority_pem,
                            CertificatePurpose purpose, absl::Time now) {
  ASSIGN_OR_RETURN(const openssl::CertificatePtr leaf, ReadCertificate(certificate_pem));
  ASSIGN_OR_RETURN(const openssl::CertificatePtr authority, ReadCertificate(authority_pem));
  // Otherwise the authority's own certificate would pass as a member's.
  if (X509_check_ca(leaf.get()) != 0) return Untrusted("must not be an authority's");
  const StorePtr store(X509_STORE_new());
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (store == nullptr || context == nullptr ||
      X509_STORE_add_cert(store.get(), authority.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr) != 1) {
    return openssl::CryptoError("start verification of a certificate");
  }
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_purpose(parameters, purpose == CertificatePurpose::kServer
                                                ? X509_PURPOSE_SSL_SERVER
                                                : X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  return Untrusted(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

absl::StatusOr<std::vector<std::string>> SplitCertificates(absl::string_view pem) {
  constexpr char kBegin[] = "-----BEGIN CERTIFICATE-----";
  std::vector<std::string> certificates;
  for (size_t at = pem.find(kBegin); at != absl::string_view::npos;) {
    const size_t next = pem.find(kBegin, at + 1);
    ASSIGN_OR_RETURN(const openssl::CertificatePtr certificate,
                     ReadCertificate(pem.substr(at, next - at)));
    ASSIGN_OR_RETURN(std::string text, openssl::WriteCertificate(certificate.get()));
    certificates.push_back(std::move(text));
    at = next;
  }
  if (certificates.empty()) return CertificateError("must be at least one PEM block");
  return certificates;
}

}  // namespace kalavai
