#include "common/crypto/x509_text.h"

#include <algorithm>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include <openssl/pem.h>

#include "common/base/errors.h"

namespace kalavai::openssl {
namespace {

constexpr size_t kPemBytesMax = 64 * 1024;
constexpr size_t kCommonNameLengthMax = 64;  // ub-common-name, RFC 5280 appendix A

bool IsOneBlock(absl::string_view pem) {
  const size_t first = pem.find("-----BEGIN ");
  return pem.size() <= kPemBytesMax && first != absl::string_view::npos &&
         pem.find("-----BEGIN ", first + 1) == absl::string_view::npos;
}

}  // namespace

absl::Status CertificateError(absl::string_view what) {
  static_cast<void>(TakeErrors());
  return MakeError(absl::StatusCode::kInvalidArgument, "CERTIFICATE_INVALID",
                   {.what = absl::StrCat("certificate: ", what),
                    .why = "identities are X.509 certificates and requests in PEM",
                    .fix = "join again with a new invitation"});
}

absl::StatusOr<CertificatePtr> ReadCertificate(absl::string_view pem) {
  if (!IsOneBlock(pem)) return CertificateError("must be exactly one PEM block 'CERTIFICATE'");
  const BioPtr bio = ReadOnlyBio(pem);
  CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return CertificateError("must be exactly one PEM block 'CERTIFICATE'");
  }
  return certificate;
}

absl::StatusOr<RequestPtr> ReadRequest(absl::string_view pem) {
  constexpr char kRule[] = "request: must be exactly one PEM block 'CERTIFICATE REQUEST'";
  if (!IsOneBlock(pem)) return CertificateError(kRule);
  const BioPtr bio = ReadOnlyBio(pem);
  RequestPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (request == nullptr) return CertificateError(kRule);
  return request;
}

absl::StatusOr<std::string> WriteCertificate(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return CryptoError("write certificate");
  }
  return BioText(bio.get());
}

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time) {
  std::tm fields = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) {
    return CertificateError("its validity must be two times");
  }
  return absl::FromTM(fields, absl::UTCTimeZone());
}

const EVP_MD* DigestFor(const PublicKey& key) {
  if (key.Curve() == "P-384") return EVP_sha384();
  return key.Curve() == "P-521" ? EVP_sha512() : EVP_sha256();
}

absl::Status SetCommonName(X509_NAME* name, absl::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
  if (text.empty() || text.size() > kCommonNameLengthMax || !printable) {
    return MakeError(absl::StatusCode::kInvalidArgument, "NAME_INVALID",
                     {.what = absl::StrCat("common name '", absl::CHexEscape(text.substr(0, 80)),
                                           "': must be 1 to ", kCommonNameLengthMax,
                                           " printable ASCII characters"),
                      .why = "it names the holder of the certificate"});
  }
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(text.data()),
                                 static_cast<int>(text.size()), -1, 0) != 1) {
    return CryptoError("set the common name");
  }
  return absl::OkStatus();
}

}  // namespace kalavai::openssl
