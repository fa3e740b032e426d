// Goal: the authority issues exactly what was asked for, to whoever holds the private key, within
// its own validity.
// Method: issued certificates are verified by OpenSSL's own path validation (VerifyIssuedBy) and
// their extensions read back; requests and names are broken one at a time.
#include "common/crypto/certificate_authority.h"

#include <set>
#include <string>
#include <vector>

#include <openssl/x509v3.h>

#include "common/crypto/certificate.h"
#include "common/crypto/x509_text.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);  // 2026-01-01

CertificateAuthority NewAuthority() {
  auto authority = CertificateAuthority::Create("Test cooperative", kNow);
  REQUIRE_OK(authority);
  return *std::move(authority);
}

SigningKey NewKey() { return SigningKey::Create().value(); }

TEST_CASE("An authority is a root of path length 0 for ten years", "[crypto]") {
  const CertificateAuthority authority = NewAuthority();
  const std::string& pem = authority.certificate_pem();
  CHECK(CommonName(pem).value() == "Test cooperative");
  CHECK(PublicKeyOf(pem).value() == authority.key().public_key());
  CHECK(NotAfter(pem).value() - kNow >= absl::Hours(24 * 3650));
  CHECK(NotBefore(pem).value() == kNow - absl::Minutes(5));
  REQUIRE_OK_AND_ASSIGN(const openssl::CertificatePtr read, openssl::ReadCertificate(pem));
  CHECK(X509_get_pathlen(read.get()) == 0);
  CHECK(X509_check_ca(read.get()) == 1);
  CHECK((X509_get_key_usage(read.get()) & KU_KEY_CERT_SIGN) != 0);
  CHECK((X509_get_extension_flags(read.get()) & EXFLAG_CRITICAL) == 0);
  // A leaf's purpose is not an authority's.
  REQUIRE_STATUS(VerifyIssuedBy(pem, pem, CertificatePurpose::kClient, kNow),
                 StatusCode::kPermissionDenied, "CERTIFICATE_INVALID");
}

TEST_CASE("An authority is loaded with its own key only", "[crypto]") {
  const CertificateAuthority authority = NewAuthority();
  REQUIRE_OK_AND_ASSIGN(const CertificateAuthority loaded,
                        CertificateAuthority::Load(authority.certificate_pem(), authority.key()));
  CHECK(loaded.certificate_pem() == authority.certificate_pem());
  REQUIRE_STATUS(CertificateAuthority::Load(authority.certificate_pem(), NewKey()),
                 StatusCode::kInvalidArgument, "CERTIFICATE_INVALID");
  const SigningKey key = NewKey();
  REQUIRE_OK_AND_ASSIGN(const std::string leaf,
                        authority.IssueClientCertificate({.csr_pem = CreateCsr(key, "a").value(),
                                                          .common_name = "a",
                                                          .now = kNow,
                                                          .lifetime = absl::Hours(1)}));
  REQUIRE_STATUS(CertificateAuthority::Load(leaf, key), StatusCode::kInvalidArgument,
                 "CERTIFICATE_INVALID");
  REQUIRE_STATUS(CertificateAuthority::Load("no certificate", key), StatusCode::kInvalidArgument,
                 "CERTIFICATE_INVALID");
}

TEST_CASE("A client certificate bears the authority's name for it and the request's key",
          "[crypto]") {
  const CertificateAuthority authority = NewAuthority();
  const SigningKey key = NewKey();
  const std::string csr = CreateCsr(key, "administrator").value();
  REQUIRE_OK_AND_ASSIGN(const std::string pem,
                        authority.IssueClientCertificate({.csr_pem = csr,
                                                          .common_name = "st-mary",
                                                          .now = kNow,
                                                          .lifetime = absl::Hours(24 * 90)}));
  CHECK(CommonName(pem).value() == "st-mary");
  CHECK(PublicKeyOf(pem).value() == key.public_key());
  CHECK(NotAfter(pem).value() == kNow + absl::Hours(24 * 90));
  const std::string& ca = authority.certificate_pem();
  REQUIRE_OK(VerifyIssuedBy(pem, ca, CertificatePurpose::kClient, kNow));
  for (const absl::Time time : {kNow - absl::Hours(1), kNow + absl::Hours(24 * 91)}) {
    REQUIRE_STATUS(VerifyIssuedBy(pem, ca, CertificatePurpose::kClient, time),
                   StatusCode::kPermissionDenied, "CERTIFICATE_INVALID");
  }
  REQUIRE_STATUS(VerifyIssuedBy(pem, ca, CertificatePurpose::kServer, kNow),
                 StatusCode::kPermissionDenied, "CERTIFICATE_INVALID");
  // Another authority of the same name is another authority.
  REQUIRE_STATUS(
      VerifyIssuedBy(pem, NewAuthority().certificate_pem(), CertificatePurpose::kClient, kNow),
      StatusCode::kPermissionDenied, "CERTIFICATE_INVALID");
}

TEST_CASE("A server certificate is for its names and addresses", "[crypto]") {
  const CertificateAuthority authority = NewAuthority();
  const SigningKey key = NewKey();
  REQUIRE_OK_AND_ASSIGN(const std::string pem, authority.IssueServerCertificate(
                                                   {.public_key = key.public_key(),
                                                    .common_name = "coordinator",
                                                    .dns_names = {"localhost", "*.example.org"},
                                                    .ip_addresses = {"127.0.0.1", "::1"},
                                                    .now = kNow,
                                                    .lifetime = absl::Hours(1)}));
  const std::string& ca = authority.certificate_pem();
  REQUIRE_OK(VerifyIssuedBy(pem, ca, CertificatePurpose::kServer, kNow));
  REQUIRE_STATUS(VerifyIssuedBy(pem, ca, CertificatePurpose::kClient, kNow),
                 StatusCode::kPermissionDenied, "CERTIFICATE_INVALID");
  REQUIRE_OK_AND_ASSIGN(const openssl::CertificatePtr read, openssl::ReadCertificate(pem));
  const auto matches = [&](const char* host) {
    return X509_check_host(read.get(), host, 0, 0, nullptr) == 1;
  };
  CHECK(matches("localhost"));
  CHECK(matches("a.example.org"));
  CHECK_FALSE(matches("example.org"));
  CHECK_FALSE(matches("coordinator"));
  CHECK(X509_check_ip_asc(read.get(), "127.0.0.1", 0) == 1);
  CHECK(X509_check_ip_asc(read.get(), "::1", 0) == 1);
  CHECK(X509_check_ip_asc(read.get(), "127.0.0.2", 0) != 1);
}

TEST_CASE("Names that cannot be are refused", "[crypto]") {
  const CertificateAuthority authority = NewAuthority();
  const SigningKey key = NewKey();
  const auto issue = [&](const std::string& dns, const std::string& address) {
    ServerCertificateRequest request = {.public_key = key.public_key(),
                                        .common_name = "coordinator",
                                        .now = kNow,
                                        .lifetime = absl::Hours(1)};
    if (!dns.empty()) request.dns_names = {dns};
    if (!address.empty()) request.ip_addresses = {address};
    return authority.IssueServerCertificate(request);
  };
  for (const char* dns : {"a,DNS:b", "a b", "-a", "a-", "a..b", "*", "a.*", "a:1", "é", "."}) {
    INFO(dns);
    REQUIRE_STATUS(issue(dns, ""), StatusCode::kInvalidArgument, "NAME_INVALID");
  }
  for (const char* address : {"127.0.0", "localhost", "1.2.3.4,DNS:b", "::g", "300.1.1.1"}) {
    INFO(address);
    REQUIRE_STATUS(issue("", address), StatusCode::kInvalidArgument, "NAME_INVALID");
  }
  REQUIRE_STATUS(issue("", ""), StatusCode::kInvalidArgument, "NAME_INVALID");
  for (const std::string& name : {std::string(), std::string(65, 'a'), std::string("a\nb"),
                                  std::string("a\0b", 3), std::string("é")}) {
    REQUIRE_STATUS(CertificateAuthority::Create(name, kNow), StatusCode::kInvalidArgument,
                   "NAME_INVALID");
    REQUIRE_STATUS(CreateCsr(key, name), StatusCode::kInvalidArgument, "NAME_INVALID");
  }
}

TEST_CASE("A certificate never outlives its authority, nor lasts no time", "[crypto]") {
  const CertificateAuthority authority = NewAuthority();
  const std::string csr = CreateCsr(NewKey(), "a").value();
  const auto issue = [&](absl::Duration lifetime) {
    return authority.IssueClientCertificate(
        {.csr_pem = csr, .common_name = "a", .now = kNow, .lifetime = lifetime});
  };
  CHECK(NotAfter(issue(absl::Hours(24 * 36500)).value()).value() ==
        NotAfter(authority.certificate_pem()).value());
  for (const absl::Duration lifetime : {absl::ZeroDuration(), absl::Seconds(-1)}) {
    REQUIRE_STATUS(issue(lifetime), StatusCode::kInvalidArgument, "FIELD_INVALID");
  }
}

TEST_CASE("Serial numbers are 128 bits and do not repeat", "[crypto]") {
  const CertificateAuthority authority = NewAuthority();
  const std::string csr = CreateCsr(NewKey(), "a").value();
  std::set<std::string> serials;
  for (int i = 0; i < 20; ++i) {
    const std::string pem =
        authority
            .IssueClientCertificate(
                {.csr_pem = csr, .common_name = "a", .now = kNow, .lifetime = absl::Hours(1)})
            .value();
    serials.insert(SerialNumber(pem).value());
    CHECK(serials.rbegin()->size() == 32);
  }
  CHECK(serials.size() == 20);
}

}  // namespace
}  // namespace kalavai
