// Goal: the authority remembers whom it certified, and a revocation ends exactly one member's
// certificates. Method: rows of two members and an administrator in a real database.
#include "coordinator/certificate_store.h"

#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

CertificateRow RowOf(absl::string_view seed, absl::string_view contributor) {
  return {.fingerprint = Sha256Of(seed),
          .cooperative = contributor.empty() ? "" : "nordic",
          .contributor = std::string(contributor),
          .not_after = kNow + absl::Hours(1)};
}

TEST_CASE("A certificate comes back as it was issued, and an unknown one is nobody's") {
  const CooperativeFixture fixture;
  CertificateStore store(*fixture.database);
  REQUIRE_OK(store.Insert(RowOf("a", "ann"), kNow));
  REQUIRE_OK_AND_ASSIGN(const auto found, store.Find(Sha256Of("a")));
  REQUIRE(found.has_value());
  CHECK(found->cooperative == "nordic");
  CHECK(found->contributor == "ann");
  CHECK(found->not_after == kNow + absl::Hours(1));
  CHECK_FALSE(found->revoke_time.has_value());
  CHECK_FALSE(store.Find(Sha256Of("b")).value().has_value());
  CHECK_FALSE(store.Insert(RowOf("a", "bo"), kNow).ok());  // a fingerprint names one caller
}

TEST_CASE("A row is an administrator's or a member's, never half of each") {
  const CooperativeFixture fixture;
  CertificateStore store(*fixture.database);
  REQUIRE_OK(store.Insert(RowOf("admin", ""), kNow));
  CertificateRow half = RowOf("half", "ann");
  half.cooperative = "";
  CHECK_FALSE(store.Insert(half, kNow).ok());
  half = RowOf("other half", "");
  half.cooperative = "nordic";
  CHECK_FALSE(store.Insert(half, kNow).ok());
}

TEST_CASE("Revocation ends all certificates of one member, and keeps earlier dates") {
  const CooperativeFixture fixture;
  CertificateStore store(*fixture.database);
  for (const char* seed : {"old", "renewed"}) REQUIRE_OK(store.Insert(RowOf(seed, "ann"), kNow));
  REQUIRE_OK(store.Insert(RowOf("bo", "bo"), kNow));
  REQUIRE_OK(store.Insert(RowOf("admin", ""), kNow));
  const absl::Time first = kNow + absl::Minutes(1);
  REQUIRE_OK(store.RevokeContributor("nordic", "ann", first));
  REQUIRE_OK(store.RevokeContributor("nordic", "ann", first + absl::Minutes(1)));
  for (const char* seed : {"old", "renewed"}) {
    CHECK(store.Find(Sha256Of(seed)).value()->revoke_time == first);
  }
  CHECK_FALSE(store.Find(Sha256Of("bo")).value()->revoke_time.has_value());
  CHECK_FALSE(store.Find(Sha256Of("admin")).value()->revoke_time.has_value());
}

}  // namespace
}  // namespace kalavai::coordinator
