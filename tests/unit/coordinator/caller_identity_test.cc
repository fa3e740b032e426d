// Goal: who calls is what the certificate says, until it is revoked or over; and nobody reaches
// what is another's. Method: every right against every kind of caller; one certificate at each
// moment of its life. The handshake itself: tests/integration/launch_test.cc.
#include "coordinator/caller_identity.h"

#include <string>

#include "common/crypto/certificate.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

const Caller kAdministrator = {};
const Caller kAnn = {.cooperative = "nordic", .contributor = "ann"};

TEST_CASE("Every right against every caller") {
  struct Case {
    const char* right;
    bool administrator, own, other_member, other_cooperative;
    std::function<absl::Status(const Caller&)> require;
  };
  const Case cases[] = {
      {"administrator", true, false, false, false,
       [](const Caller& caller) { return caller.RequireAdministrator(); }},
      {"cooperative", true, true, true, false,
       [](const Caller& caller) { return caller.RequireCooperative("nordic"); }},
      {"member", false, true, true, false,
       [](const Caller& caller) { return caller.RequireMemberOf("nordic"); }},
      {"contributor", true, true, false, false,
       [](const Caller& caller) { return caller.RequireContributor("nordic", "ann"); }},
  };
  const Caller bo = {.cooperative = "nordic", .contributor = "bo"};
  // The same id in another cooperative is another person.
  const Caller stranger = {.cooperative = "alpine", .contributor = "ann"};
  for (const Case& row : cases) {
    INFO(row.right);
    const auto allowed = [&](const Caller& caller) {
      const absl::Status status = row.require(caller);
      if (!status.ok()) CHECK(status == PermissionDenied());  // one text for all (AIP-211)
      return status.ok();
    };
    CHECK(allowed(kAdministrator) == row.administrator);
    CHECK(allowed(kAnn) == row.own);
    CHECK(allowed(bo) == row.other_member);
    CHECK(allowed(stranger) == row.other_cooperative);
  }
  CHECK(kAdministrator.Name() == "administrator");
  CHECK(kAnn.Name() == "cooperatives/nordic/contributors/ann");
}

TEST_CASE("A certificate counts while it is known, not over and not revoked") {
  const CooperativeFixture fixture;
  CertificateStore store(*fixture.database);
  testing::FakeClock clock(kNow);
  const CallerResolver resolver(store, clock);
  REQUIRE_OK_AND_ASSIGN(const auto authority, CertificateAuthority::Create("authority", kNow));
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string pem,
                        authority.IssueClientCertificate({.csr_pem = CreateCsr(key, "ann").value(),
                                                          .common_name = "ann",
                                                          .now = kNow,
                                                          .lifetime = absl::Hours(1)}));
  const auto refused = absl::StatusCode::kUnauthenticated;
  REQUIRE_STATUS(resolver.ResolvePem(""), refused, "UNAUTHENTICATED");
  REQUIRE_STATUS(resolver.ResolvePem("-----BEGIN NONSENSE-----"), refused, "UNAUTHENTICATED");
  REQUIRE_STATUS(resolver.ResolvePem(pem), refused, "UNAUTHENTICATED");  // ours, but in no table
  const absl::Status unknown = resolver.ResolvePem(pem).status();

  const absl::Time end = NotAfter(pem).value();
  REQUIRE_OK(store.Insert({.fingerprint = Fingerprint(pem).value(),
                           .cooperative = "nordic",
                           .contributor = "ann",
                           .not_after = end},
                          kNow));
  REQUIRE_OK_AND_ASSIGN(const Caller caller, resolver.ResolvePem(pem));
  CHECK(caller.Name() == kAnn.Name());
  CHECK(caller.fingerprint == Fingerprint(pem).value().Hex());
  clock.Advance(end - kNow - absl::Seconds(1));
  REQUIRE_OK(resolver.ResolvePem(pem));
  clock.Advance(absl::Seconds(1));
  CHECK(resolver.ResolvePem(pem).status() == unknown);  // why is nobody's business
  clock.Advance(-absl::Seconds(1));
  REQUIRE_OK(store.RevokeContributor("nordic", "ann", clock.Now()));
  CHECK(resolver.ResolvePem(pem).status() == unknown);
}

TEST_CASE("Who has left may still ask for what leaving brought, and nobody else") {
  const CooperativeFixture fixture;
  CertificateStore store(*fixture.database);
  testing::FakeClock clock(kNow);
  const CallerResolver resolver(store, clock);
  REQUIRE_OK_AND_ASSIGN(const auto authority, CertificateAuthority::Create("authority", kNow));
  const auto issue = [&](const std::string& cooperative, const std::string& contributor) {
    REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
    REQUIRE_OK_AND_ASSIGN(const std::string csr, CreateCsr(key, "whoever"));
    REQUIRE_OK_AND_ASSIGN(
        const std::string pem,
        authority.IssueClientCertificate(
            {.csr_pem = csr, .common_name = "whoever", .now = kNow, .lifetime = absl::Hours(24)}));
    REQUIRE_OK(store.Insert({.fingerprint = Fingerprint(pem).value(),
                             .cooperative = cooperative,
                             .contributor = contributor,
                             .not_after = kNow + absl::Hours(24)},
                            kNow));
    return pem;
  };
  const std::string ann = issue("nordic", "ann");
  const std::string administrator = issue("", "");
  CHECK_FALSE(resolver.ResolveLeavingPem(ann).value().revoked);
  REQUIRE_OK(store.RevokeContributor("nordic", "ann", kNow));
  REQUIRE_OK(store.RevokeContributor("", "", kNow));
  constexpr auto kCode = absl::StatusCode::kUnauthenticated;
  const absl::Status refused = resolver.ResolvePem(ann).status();
  REQUIRE_STATUS(refused, kCode, "UNAUTHENTICATED");
  CHECK(GetErrorDetail(refused)->text.fix.find("receipt with 'kalavai withdraw'") !=
        std::string::npos);
  REQUIRE_OK_AND_ASSIGN(const Caller left, resolver.ResolveLeavingPem(ann));
  CHECK(left.revoked);
  CHECK(left.Name() == "cooperatives/nordic/contributors/ann");
  REQUIRE_STATUS(resolver.ResolveLeavingPem(administrator), kCode, "UNAUTHENTICATED");
  REQUIRE_STATUS(resolver.ResolveLeavingPem(""), kCode, "UNAUTHENTICATED");
  clock.Advance(absl::Hours(25));
  REQUIRE_STATUS(resolver.ResolveLeavingPem(ann), kCode, "UNAUTHENTICATED");
}

}  // namespace
}  // namespace kalavai::coordinator
