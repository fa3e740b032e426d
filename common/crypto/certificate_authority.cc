#include "common/crypto/certificate_authority.h"

#include <algorithm>
#include <array>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/crypto/certificate.h"
#include "common/crypto/x509_text.h"

namespace kalavai {
namespace {

using openssl::CertificatePtr;
using openssl::CryptoError;

constexpr absl::Duration kAuthorityLifetime = absl::Hours(24 * 3652);  // ten years
constexpr absl::Duration kClockTolerance = absl::Minutes(5);
constexpr int kSerialBytes = 16;

using BignumPtr = std::unique_ptr<BIGNUM, openssl::Deleter<&BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, openssl::Deleter<&X509_EXTENSION_free>>;
using OctetStringPtr =
    std::unique_ptr<ASN1_OCTET_STRING, openssl::Deleter<&ASN1_OCTET_STRING_free>>;

// What one certificate is to say. `issuer` null: signed by itself.
struct CertificateContent {
  const PublicKey& public_key;
  std::string common_name;
  absl::Time not_before;
  absl::Time not_after;
  X509* issuer = nullptr;
  // OpenSSL's names and values (x509v3_config), in order.
  std::vector<std::pair<int, std::string>> extensions;
};

absl::Status NameError(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "NAME_INVALID",
                   {.what = std::string(what),
                    .why = "clients compare the names of a server with the one they dialled"});
}

// Host names and one leading wildcard label; no commas or colons, which would mean something to
// OpenSSL's extension syntax.
absl::Status CheckDnsName(absl::string_view name) {
  const auto bad = [&] {
    return NameError(absl::StrCat("DNS name '", name.substr(0, 80),
                                  "': must be labels of letters, digits and '-' joined by '.'"));
  };
  if (name.empty() || name.size() > 253) return bad();
  bool first = true;
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    const bool wildcard = first && label == "*" && name.size() > 2;
    first = false;
    if (wildcard) continue;
    const bool spelled = std::all_of(label.begin(), label.end(), [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
    });
    if (label.empty() || label.size() > 63 || !spelled || label.front() == '-' ||
        label.back() == '-') {
      return bad();
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIpAddress(const std::string& address) {
  const OctetStringPtr bytes(a2i_IPADDRESS(address.c_str()));
  if (bytes != nullptr) return absl::OkStatus();
  static_cast<void>(openssl::TakeErrors());
  return NameError(absl::StrCat("IP address '", address.substr(0, 80),
                                "': must be IPv4 or IPv6 in its usual text form"));
}

absl::StatusOr<std::string> AlternativeNames(const ServerCertificateRequest& request) {
  std::vector<std::string> entries;
  for (const std::string& name : request.dns_names) {
    RETURN_IF_ERROR(CheckDnsName(name));
    entries.push_back(absl::StrCat("DNS:", name));
  }
  for (const std::string& address : request.ip_addresses) {
    RETURN_IF_ERROR(CheckIpAddress(address));
    entries.push_back(absl::StrCat("IP:", address));
  }
  if (entries.empty()) return NameError("server certificate: must have a DNS name or IP address");
  return absl::StrJoin(entries, ",");
}

// 128 random bits; the top bit is cleared so that the number stays 16 bytes and positive, and the
// next one set so that every serial number has the same length.
absl::Status SetSerial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes = {};
  if (RAND_bytes(bytes.data(), kSerialBytes) != 1) return CryptoError("draw serial number");
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const BignumPtr number(BN_bin2bn(bytes.data(), kSerialBytes, nullptr));
  if (number == nullptr ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return CryptoError("set serial number");
  }
  return absl::OkStatus();
}

absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context = {};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return CryptoError(absl::StrCat("add extension ", OBJ_nid2sn(nid)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Issue(const CertificateContent& content, const SigningKey& signer) {
  const CertificatePtr certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1) {
    return CryptoError("create certificate");
  }
  RETURN_IF_ERROR(SetSerial(certificate.get()));
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  RETURN_IF_ERROR(openssl::SetCommonName(subject, content.common_name));
  X509* const issuer = content.issuer == nullptr ? certificate.get() : content.issuer;
  if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer)) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(content.not_before)) ==
          nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(content.not_after)) ==
          nullptr ||
      X509_set_pubkey(certificate.get(), content.public_key.reference().get()) != 1) {
    return CryptoError("fill certificate");
  }
  for (const auto& [nid, value] : content.extensions) {
    RETURN_IF_ERROR(AddExtension(certificate.get(), issuer, nid, value));
  }
  if (X509_sign(certificate.get(), signer.reference().get(),
                openssl::DigestFor(signer.public_key())) <= 0) {
    return CryptoError("sign certificate");
  }
  return openssl::WriteCertificate(certificate.get());
}

}  // namespace

absl::StatusOr<CertificateAuthority> CertificateAuthority::Create(absl::string_view common_name,
                                                                  absl::Time now) {
  ASSIGN_OR_RETURN(SigningKey key, SigningKey::Create());
  ASSIGN_OR_RETURN(std::string pem,
                   Issue({.public_key = key.public_key(),
                          .common_name = std::string(common_name),
                          .not_before = now - kClockTolerance,
                          .not_after = now + kAuthorityLifetime,
                          .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                         {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                         {NID_subject_key_identifier, "hash"}}},
                         key));
  return CertificateAuthority(std::move(pem), std::move(key));
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::Load(absl::string_view certificate_pem,
                                                                SigningKey key) {
  ASSIGN_OR_RETURN(const CertificatePtr certificate, openssl::ReadCertificate(certificate_pem));
  if (X509_check_ca(certificate.get()) != 1) {
    return openssl::CertificateError("must be an authority's");
  }
  ASSIGN_OR_RETURN(const PublicKey public_key, PublicKeyOf(certificate_pem));
  if (!(public_key == key.public_key())) {
    return openssl::CertificateError("must belong to the authority's key");
  }
  ASSIGN_OR_RETURN(std::string pem, openssl::WriteCertificate(certificate.get()));
  return CertificateAuthority(std::move(pem), std::move(key));
}

absl::StatusOr<std::string> CertificateAuthority::IssueLeaf(const LeafRequest& request) const {
  if (request.lifetime <= absl::ZeroDuration()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
        {.what = absl::StrCat("certificate lifetime: ", absl::FormatDuration(request.lifetime),
                              " found; must be above zero")});
  }
  ASSIGN_OR_RETURN(const CertificatePtr issuer, openssl::ReadCertificate(certificate_pem_));
  ASSIGN_OR_RETURN(const absl::Time earliest, NotBefore(certificate_pem_));
  ASSIGN_OR_RETURN(const absl::Time latest, NotAfter(certificate_pem_));
  CertificateContent content = {.public_key = request.public_key,
                                .common_name = request.common_name,
                                .not_before = std::max(earliest, request.now - kClockTolerance),
                                .not_after = std::min(latest, request.now + request.lifetime),
                                .issuer = issuer.get(),
                                .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                               {NID_key_usage, "critical,digitalSignature"},
                                               {NID_ext_key_usage, request.extended_key_usage},
                                               {NID_subject_key_identifier, "hash"},
                                               {NID_authority_key_identifier, "keyid:always"}}};
  if (!request.alternative_names.empty()) {
    content.extensions.emplace_back(NID_subject_alt_name, request.alternative_names);
  }
  return Issue(content, key_);
}

absl::StatusOr<std::string> CertificateAuthority::IssueServerCertificate(
    const ServerCertificateRequest& request) const {
  ASSIGN_OR_RETURN(const std::string names, AlternativeNames(request));
  return IssueLeaf({.public_key = request.public_key,
                    .common_name = request.common_name,
                    .now = request.now,
                    .lifetime = request.lifetime,
                    .extended_key_usage = "serverAuth",
                    .alternative_names = names});
}

absl::StatusOr<std::string> CertificateAuthority::IssueClientCertificate(
    const ClientCertificateRequest& request) const {
  ASSIGN_OR_RETURN(const PublicKey public_key, PublicKeyOfCsr(request.csr_pem));
  return IssueLeaf({.public_key = public_key,
                    .common_name = request.common_name,
                    .now = request.now,
                    .lifetime = request.lifetime,
                    .extended_key_usage = "clientAuth"});
}

}  // namespace kalavai
