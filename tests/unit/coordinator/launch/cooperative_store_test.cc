// Goal: rows of a cooperative come back as they went in, and what must be unique is.
// Method: a real database with every migration; pages, duplicates, unknown names, a withdrawal.
#include "coordinator/launch/cooperative_store.h"

#include <string>
#include <vector>

#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("A cooperative comes back as it was founded, domains in their order") {
  const CooperativeFixture fixture;
  CooperativeStore store(*fixture.database);
  REQUIRE_OK(store.Insert({.id = "alpine",
                           .domains = {"snow", "cows", "bells"},
                           .freeze_depth = 2,
                           .chunk_tokens = 64,
                           .create_time = kNow}));
  REQUIRE_OK_AND_ASSIGN(const CooperativeRow row, store.Get("alpine"));
  CHECK(row.state == CooperativeState::kDraft);
  CHECK(row.domains == std::vector<std::string>{"snow", "cows", "bells"});
  CHECK(row.HasDomain("cows"));
  CHECK_FALSE(row.HasDomain("cow"));
  CHECK(row.freeze_depth == 2);
  CHECK(row.chunk_tokens == 64);
  CHECK_FALSE(row.launch_time.has_value());
  REQUIRE_STATUS(store.GetFor("alpine", CooperativeAct::kSubmit),
                 absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH");
  REQUIRE_OK(store.SetLaunched("alpine", "{}", kNow));
  REQUIRE_OK_AND_ASSIGN(const CooperativeRow active,
                        store.GetFor("alpine", CooperativeAct::kSubmit));
  CHECK(active.charter_envelope == "{}");
  CHECK(active.launch_time == kNow);
  REQUIRE_STATUS(store.GetFor("alpine", CooperativeAct::kImportBase),
                 absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH");
  REQUIRE_STATUS(store.Insert({.id = "alpine", .domains = {"x"}, .create_time = kNow}),
                 absl::StatusCode::kAlreadyExists, "COOPERATIVE_EXISTS");
  REQUIRE_STATUS(store.Get("baltic"), absl::StatusCode::kNotFound, "COOPERATIVE_NOT_FOUND");
  REQUIRE_STATUS(store.GetFor("baltic", CooperativeAct::kFuse), absl::StatusCode::kNotFound,
                 "COOPERATIVE_NOT_FOUND");
}

TEST_CASE("Pages are by id and leave nothing out") {
  CooperativeFixture fixture;
  for (const char* id : {"cy", "di", "abe"}) fixture.AddMember(id, "sea");
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    REQUIRE_OK_AND_ASSIGN(const auto page,
                          fixture.cooperatives.ListContributors("nordic", after, 2));
    if (page.empty()) break;
    for (const ContributorRow& row : page) ids.push_back(row.id);
    after = ids.back();
  }
  CHECK(ids == std::vector<std::string>{"abe", "ann", "bo", "cy", "di"});
  CHECK(fixture.cooperatives.List("", 10).value().size() == 1);
  CHECK(fixture.cooperatives.List("nordic", 10).value().empty());
}

TEST_CASE("A slot is invited, enrolled once and withdrawn") {
  CooperativeFixture fixture;
  CooperativeStore& store = fixture.cooperatives;
  REQUIRE_OK(store.InsertContributor(
      {.cooperative = "nordic", .id = "eve", .domain = "sea", .create_time = kNow}));
  REQUIRE_STATUS(store.InsertContributor(
                     {.cooperative = "nordic", .id = "eve", .domain = "law", .create_time = kNow}),
                 absl::StatusCode::kAlreadyExists, "SLOT_TAKEN");
  CHECK_FALSE(store
                  .InsertContributor(
                      {.cooperative = "nordic", .id = "fay", .domain = "sky", .create_time = kNow})
                  .ok());
  CHECK(store.GetContributor("nordic", "eve").value().state == ContributorState::kInvited);
  REQUIRE_OK(store.Enroll("nordic", "eve", "first key", kNow));
  REQUIRE_OK(store.Enroll("nordic", "eve", "second key", kNow));  // no longer INVITED: no effect
  REQUIRE_OK_AND_ASSIGN(const ContributorRow eve, store.GetContributor("nordic", "eve"));
  CHECK(eve.state == ContributorState::kActive);
  CHECK(eve.signing_public_key == "first key");
  REQUIRE_OK(store.SetCertificateExpiry("nordic", "eve", kNow + absl::Hours(9)));
  CHECK(store.GetContributor("nordic", "eve").value().certificate_expire_time ==
        kNow + absl::Hours(9));
  REQUIRE_OK(store.Withdraw("nordic", "eve", kNow));
  CHECK(store.GetContributor("nordic", "eve").value().state == ContributorState::kWithdrawn);
  REQUIRE_OK(store.Enroll("nordic", "eve", "third key", kNow));
  CHECK(store.GetContributor("nordic", "eve").value().state == ContributorState::kWithdrawn);
  REQUIRE_STATUS(store.GetContributor("nordic", "zoe"), absl::StatusCode::kNotFound,
                 "CONTRIBUTOR_NOT_FOUND");
}

TEST_CASE("A newer invitation, a use and a withdrawal end an invitation") {
  CooperativeFixture fixture;
  CooperativeStore& store = fixture.cooperatives;
  const auto invite = [&](absl::string_view secret, const char* contributor) {
    REQUIRE_OK(store.InsertInvitation({.secret_digest = Sha256Of(secret),
                                       .cooperative = "nordic",
                                       .contributor = contributor,
                                       .expire_time = kNow + absl::Hours(24)},
                                      kNow));
  };
  const auto used = [&](absl::string_view secret) {
    return store.FindInvitation(Sha256Of(secret)).value().value().use_time.has_value();
  };
  CHECK_FALSE(store.FindInvitation(Sha256Of("never sent")).value().has_value());
  invite("a1", "ann");
  invite("b1", "bo");
  CHECK_FALSE(used("a1"));
  invite("a2", "ann");
  CHECK(used("a1"));
  CHECK_FALSE(used("a2"));
  CHECK_FALSE(used("b1"));  // another's stays good
  REQUIRE_OK(store.UseInvitation(Sha256Of("a2"), kNow + absl::Hours(1)));
  CHECK(store.FindInvitation(Sha256Of("a2")).value()->use_time == kNow + absl::Hours(1));
  REQUIRE_OK(store.Withdraw("nordic", "bo", kNow));
  CHECK(used("b1"));
  // The first use stands.
  CHECK(store.FindInvitation(Sha256Of("a2")).value()->use_time == kNow + absl::Hours(1));
}

TEST_CASE("A domain has one probe text, listed by domain") {
  CooperativeFixture fixture;
  CooperativeStore& store = fixture.cooperatives;
  ProbeTextRow row = {.cooperative = "nordic",
                      .domain = "sea",
                      .public_class = false,
                      .format = "txt",
                      .digest = Sha256Of("sea"),
                      .size_bytes = 10,
                      .router_documents = 2,
                      .evaluation_documents = 3};
  REQUIRE_OK(store.InsertProbeText(row, kNow));
  REQUIRE_STATUS(store.InsertProbeText(row, kNow), absl::StatusCode::kAlreadyExists,
                 "PROBE_TEXT_EXISTS");
  row.domain = "general";
  row.public_class = true;
  REQUIRE_OK(store.InsertProbeText(row, kNow));
  REQUIRE_OK_AND_ASSIGN(const auto rows, store.ListProbeTexts("nordic"));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].domain == "general");
  CHECK(rows[0].public_class);
  CHECK(rows[1].domain == "sea");
  CHECK_FALSE(rows[1].public_class);
  CHECK(rows[1].digest == Sha256Of("sea"));
  CHECK(rows[1].router_documents == 2);
  CHECK(rows[1].evaluation_documents == 3);
}

TEST_CASE("A sample stands where the charter has no text, until its member leaves") {
  CooperativeFixture fixture;
  CooperativeStore& store = fixture.cooperatives;
  fixture.AddMember("cy", "sea");
  REQUIRE_OK(store.InsertProbeText({.cooperative = "nordic",
                                    .domain = "law",
                                    .format = "txt",
                                    .digest = Sha256Of("law"),
                                    .size_bytes = 10,
                                    .router_documents = 2,
                                    .evaluation_documents = 3},
                                   kNow));
  ProbeTextRow sample = {.cooperative = "nordic",
                         .domain = "law",
                         .format = "jsonl",
                         .digest = Sha256Of("bo's"),
                         .size_bytes = 20,
                         .router_documents = 4,
                         .evaluation_documents = 5,
                         .contributor = "bo"};
  REQUIRE_STATUS(store.InsertSample(sample, kNow), absl::StatusCode::kAlreadyExists,
                 "PROBE_TEXT_EXISTS");
  sample.domain = "sea";
  REQUIRE_OK(store.InsertSample(sample, kNow));
  REQUIRE_STATUS(store.InsertSample(sample, kNow), absl::StatusCode::kAlreadyExists,
                 "PROBE_TEXT_EXISTS");
  REQUIRE_OK_AND_ASSIGN(const auto rows, store.ListProbeTexts("nordic"));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].contributor.empty());
  CHECK(rows[1].contributor == "bo");
  CHECK(rows[1].format == "jsonl");
  CHECK(rows[1].digest == Sha256Of("bo's"));
  CHECK(rows[1].evaluation_documents == 5);
  sample.contributor = "cy";
  REQUIRE_STATUS(store.InsertSample(sample, kNow), absl::StatusCode::kAlreadyExists,
                 "PROBE_TEXT_EXISTS");
  REQUIRE_OK(store.Withdraw("nordic", "bo", kNow));
  CHECK(store.ListProbeTexts("nordic").value().size() == 1);
  CHECK(store.FindSample("nordic", "bo").value() == Sha256Of("bo's"));  // on record
  CHECK_FALSE(store.FindSample("nordic", "cy").value().has_value());
  REQUIRE_OK(store.InsertSample(sample, kNow));  // another of the domain takes its place
  CHECK(store.ListProbeTexts("nordic").value().size() == 2);
}

}  // namespace
}  // namespace kalavai::coordinator
