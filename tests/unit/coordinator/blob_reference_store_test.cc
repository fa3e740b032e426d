// Goal: every row that names a blob is known, by its name for messages, and only those.
// Method: rows of each phase in a real database, and a rejected submission that let go of a file.
#include "coordinator/blob_reference_store.h"

#include <algorithm>
#include <string>
#include <vector>

#include "coordinator/submission/submission_store.h"
#include "tests/unit/coordinator/cooperative_fixture.h"
#include "tests/unit/coordinator/submission_rows.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Rows are told apart by what they need of the store") {
  const CooperativeFixture fixture;
  const BlobReferenceStore references(*fixture.database);
  const std::string admitted =
      AddSubmission(*fixture.database, "ann", "law", SubmissionState::kAdmitted);
  AddSubmission(*fixture.database, "bo", "sea", SubmissionState::kRejected);
  HoldAll(*fixture.database, admitted);
  REQUIRE_OK_AND_ASSIGN(const auto named, references.ListNamed());
  CHECK(named.size() == 3);  // ann's
  CHECK(std::is_sorted(named.begin(), named.end()));
  CHECK(references.IsNamed(Sha256Of("annmodel.safetensors")).value());
  CHECK_FALSE(references.IsNamed(Sha256Of("bomodel.safetensors")).value());
  REQUIRE_OK_AND_ASSIGN(const auto released, references.ListReleased());
  CHECK(released.size() == 3);
  REQUIRE_OK(
      fixture.database->Execute("UPDATE submission_files SET held = 0 WHERE submission = ? "
                                "AND path != 'config.json'",
                                admitted));
  CHECK(references.ListNamed().value() == std::vector<Digest>{Sha256Of("annconfig.json")});
  REQUIRE_OK_AND_ASSIGN(const auto stored, references.ListStored());
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].row == admitted + " config.json");
  CHECK(stored[0].digest == Sha256Of("annconfig.json"));
  CHECK(stored[0].size_bytes == 3);
  CHECK(references.ListStagingIds().value().empty());
}

TEST_CASE("What a member that left had sent is named no longer") {
  CooperativeFixture fixture;
  const BlobReferenceStore references(*fixture.database);
  SubmissionStore submissions(*fixture.database);
  HoldAll(*fixture.database,
          AddSubmission(*fixture.database, "ann", "law", SubmissionState::kAdmitted));
  CHECK(references.IsNamed(Sha256Of("annmodel.safetensors")).value());
  REQUIRE_OK(submissions.ReleaseWithdrawn("cooperatives/nordic/contributors/ann"));
  REQUIRE_OK(fixture.cooperatives.Withdraw("nordic", "ann", kNow));
  CHECK_FALSE(references.IsNamed(Sha256Of("annmodel.safetensors")).value());
  CHECK(references.ListNamed().value().empty());
  CHECK(references.ListReleased().value().size() == 3);
}

TEST_CASE("A declaration names nothing, in whatever state, until the bytes have come") {
  const CooperativeFixture fixture;
  const BlobReferenceStore references(*fixture.database);
  SubmissionStore submissions(*fixture.database);
  SubmissionRecord record;
  record.cooperative = "cooperatives/nordic";
  record.name = "cooperatives/nordic/submissions/bo-1";
  record.contributor = "cooperatives/nordic/contributors/bo";
  record.domain = "sea";
  record.nonce = "bo";
  record.create_time = kNow;
  REQUIRE_OK(submissions.Create(record));
  const Digest weights = Sha256Of("ann's weights");
  REQUIRE_OK(submissions.DeclareFiles(
      record.name, {{.path = "model.safetensors", .size_bytes = 13, .digest = weights}}));
  CHECK_FALSE(references.IsNamed(weights).value());
  CHECK(references.ListNamed().value().empty());
  REQUIRE_OK_AND_ASSIGN(const UploadRecord upload,
                        submissions.StartUpload(record.name, "model.safetensors", kNow));
  CHECK_FALSE(references.IsNamed(weights).value());
  REQUIRE_OK(fixture.database->Transact([&] { return submissions.CompleteUpload(upload); }));
  CHECK(references.IsNamed(weights).value());
  CHECK(references.ListNamed().value() == std::vector<Digest>{weights});
}

TEST_CASE("A sample is named until its member leaves, and released then") {
  CooperativeFixture fixture;
  const BlobReferenceStore references(*fixture.database);
  REQUIRE_OK(fixture.cooperatives.InsertSample({.cooperative = "nordic",
                                                .domain = "law",
                                                .format = "jsonl",
                                                .digest = Sha256Of("sample"),
                                                .size_bytes = 6,
                                                .router_documents = 1,
                                                .evaluation_documents = 1,
                                                .contributor = "ann"},
                                               kNow));
  CHECK(references.IsNamed(Sha256Of("sample")).value());
  CHECK(references.ListNamed().value() == std::vector<Digest>{Sha256Of("sample")});
  REQUIRE_OK_AND_ASSIGN(const auto stored, references.ListStored());
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].row == "cooperatives/nordic probe text law");
  CHECK(stored[0].size_bytes == 6);
  CHECK(references.ListReleased().value().empty());
  REQUIRE_OK(fixture.cooperatives.Withdraw("nordic", "ann", kNow));
  CHECK_FALSE(references.IsNamed(Sha256Of("sample")).value());
  CHECK(references.ListStored().value().empty());
  CHECK(references.ListReleased().value() == std::vector<Digest>{Sha256Of("sample")});
}

}  // namespace
}  // namespace kalavai::coordinator
