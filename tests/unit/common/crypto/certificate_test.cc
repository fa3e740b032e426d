// Goal: a request proves possession of its key, and nothing else than one certificate is read.
// Method: requests with a flipped byte anywhere in the signed part; text that is no certificate, or
// two; the fingerprint against the DER bytes.
#include "common/crypto/certificate.h"

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "common/base/hex.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);  // 2026-01-01

std::string DerOf(absl::string_view pem, absl::string_view label) {
  const std::string text =
      absl::StrReplaceAll(pem, {{absl::StrCat("-----BEGIN ", label, "-----"), ""},
                                {absl::StrCat("-----END ", label, "-----"), ""},
                                {"\n", ""}});
  return Base64Decode(text).value();
}

std::string PemOf(absl::string_view der, absl::string_view label) {
  return absl::StrCat("-----BEGIN ", label, "-----\n", Base64Encode(der), "\n-----END ", label,
                      "-----\n");
}

TEST_CASE("A request carries its key and proves possession of it", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string csr, CreateCsr(key, "st-mary"));
  CHECK(PublicKeyOfCsr(csr).value() == key.public_key());
  const std::string der = DerOf(csr, "CERTIFICATE REQUEST");
  CHECK(PublicKeyOfCsr(PemOf(der, "CERTIFICATE REQUEST")).value() == key.public_key());
  for (size_t i = 0; i < der.size(); ++i) {
    std::string changed = der;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    INFO("byte " << i);
    REQUIRE_STATUS(PublicKeyOfCsr(PemOf(changed, "CERTIFICATE REQUEST")),
                   StatusCode::kInvalidArgument, "CERTIFICATE_INVALID");
  }
  for (const std::string& bad :
       {std::string(), std::string("request"), csr + csr, csr.substr(0, csr.size() / 2),
        std::string(1 << 20, 'A'), key.public_key().Pem()}) {
    REQUIRE_STATUS(PublicKeyOfCsr(bad), StatusCode::kInvalidArgument, "CERTIFICATE_INVALID");
  }
}

TEST_CASE("The fingerprint is the SHA-256 of the DER bytes", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const CertificateAuthority authority,
                        CertificateAuthority::Create("ca", kNow));
  const std::string& pem = authority.certificate_pem();
  CHECK(Fingerprint(pem).value() == Sha256Of(DerOf(pem, "CERTIFICATE")));
}

TEST_CASE("Whatever is not one certificate is refused by every reader", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const CertificateAuthority authority,
                        CertificateAuthority::Create("ca", kNow));
  const std::string& pem = authority.certificate_pem();
  for (const std::string& bad :
       {std::string(), std::string("certificate"), pem + pem, pem.substr(0, pem.size() / 2),
        authority.key().public_key().Pem(), CreateCsr(authority.key(), "a").value()}) {
    for (const absl::Status& status :
         {Fingerprint(bad).status(), CommonName(bad).status(), NotAfter(bad).status(),
          NotBefore(bad).status(), PublicKeyOf(bad).status(), SerialNumber(bad).status(),
          VerifyIssuedBy(bad, pem, CertificatePurpose::kClient, kNow),
          VerifyIssuedBy(pem, bad, CertificatePurpose::kClient, kNow)}) {
      CHECK(GetErrorReason(status) == "CERTIFICATE_INVALID");
    }
  }
}

TEST_CASE("A leaf with a changed bit is not of its authority", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const CertificateAuthority authority,
                        CertificateAuthority::Create("ca", kNow));
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string pem,
                        authority.IssueClientCertificate({.csr_pem = CreateCsr(key, "a").value(),
                                                          .common_name = "a",
                                                          .now = kNow,
                                                          .lifetime = absl::Hours(1)}));
  const std::string der = DerOf(pem, "CERTIFICATE");
  for (size_t i = 0; i < der.size(); i += 3) {
    std::string changed = der;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    INFO("byte " << i);
    const absl::Status status =
        VerifyIssuedBy(PemOf(changed, "CERTIFICATE"), authority.certificate_pem(),
                       CertificatePurpose::kClient, kNow);
    CHECK(GetErrorReason(status) == "CERTIFICATE_INVALID");
  }
}

TEST_CASE("A chain file is split into its certificates", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const CertificateAuthority a, CertificateAuthority::Create("a", kNow));
  REQUIRE_OK_AND_ASSIGN(const CertificateAuthority b, CertificateAuthority::Create("b", kNow));
  const std::string chain =
      absl::StrCat("# a comment\n", a.certificate_pem(), "\n", b.certificate_pem());
  CHECK(SplitCertificates(chain).value() ==
        std::vector<std::string>{a.certificate_pem(), b.certificate_pem()});
  REQUIRE_STATUS(SplitCertificates(""), StatusCode::kInvalidArgument, "CERTIFICATE_INVALID");
  REQUIRE_STATUS(SplitCertificates(chain.substr(0, chain.size() - 60)),
                 StatusCode::kInvalidArgument, "CERTIFICATE_INVALID");
}

}  // namespace
}  // namespace kalavai
