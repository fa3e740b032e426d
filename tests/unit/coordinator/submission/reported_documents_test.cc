// Goal: what a member reported as trained on is found in all of its submissions, and a list that is
// not there yet, or is none, hides no other. Method: rows and blobs of two submissions.
#include "coordinator/submission/reported_documents.h"

#include <algorithm>
#include <memory>
#include <string>

#include "common/corpus/document_list.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

constexpr char kAnn[] = "cooperatives/nordic/contributors/ann";

void Submit(SubmissionStore& store, const std::string& id, const Digest& list) {
  SubmissionRecord record;
  record.name = "cooperatives/nordic/submissions/" + id;
  record.cooperative = "cooperatives/nordic";
  record.contributor = kAnn;
  record.domain = "law";
  record.nonce = id;
  record.create_time = kNow;
  REQUIRE_OK(store.Create(record));
  REQUIRE_OK(store.DeclareFiles(
      record.name, {{.path = kTrainingDocumentsFile, .size_bytes = 65, .digest = list}}));
  REQUIRE_OK(store.BeginChecking(record.name));
  SubmissionVerdict verdict;
  verdict.state = SubmissionState::kRejected;
  verdict.decide_time = kNow;
  REQUIRE_OK(store.Decide(record.name, verdict));
}

TEST_CASE("All lists of a member count, and one that is missing does not hide another",
          "[sample]") {
  CooperativeFixture rows;
  SubmissionStore store(*rows.database);
  const std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(rows.temp.File("blobs"), {.free_space_floor_bytes = 0}).value();
  CHECK(ReportedDocumentsOfMember(*blobs, store, kAnn).value().empty());
  const auto put = [&](const std::vector<std::string>& texts) {
    std::vector<Document> documents;
    for (const std::string& text : texts) documents.push_back(MakeDocument(text));
    return blobs->PutBytes(FormatDocumentList(documents)).value();
  };
  Submit(store, "a", put({"one", "two"}));
  Submit(store, "b", Sha256Of("never arrived"));
  Submit(store, "c", blobs->PutBytes("no list\n").value());
  Submit(store, "d", put({"two", "three"}));
  REQUIRE_OK_AND_ASSIGN(const auto found, ReportedDocumentsOfMember(*blobs, store, kAnn));
  REQUIRE(found.size() == 3);
  CHECK(std::is_sorted(found.begin(), found.end()));
  CHECK(std::binary_search(found.begin(), found.end(), MakeDocument("three").digest));
  CHECK(ReportedDocumentsOfMember(*blobs, store, "cooperatives/nordic/contributors/bo")
            .value()
            .empty());
  const SubmissionRecord late = store.Get("cooperatives/nordic/submissions/b").value();
  REQUIRE_STATUS(ReportedDocuments(*blobs, late), absl::StatusCode::kNotFound, "BLOB_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai::coordinator
