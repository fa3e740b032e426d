// Goal: what any row names is never collected, and what none names does not stay.
// Method: one blob for each kind of row that can name it, and blobs without a row, young, old and
// let go of by a rejection; then both ways of collecting, again and again.
#include "coordinator/blob_collector.h"

#include <memory>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "coordinator/blob_reference_store.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/submission/submission_store.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

struct Disk : CooperativeFixture {
  Digest Put(const std::string& bytes) const { return blobs->PutBytes(bytes).value(); }

  // ann's or bo's submission in a state, with weights and a report that are there.
  std::string Submit(const std::string& member, SubmissionState state) {
    SubmissionRecord record;
    record.cooperative = "cooperatives/nordic";
    record.name = "cooperatives/nordic/submissions/" + member + "-1";
    record.contributor = "cooperatives/nordic/contributors/" + member;
    record.domain = "law";
    record.nonce = member;
    record.create_time = kNow;
    REQUIRE_OK(store.Create(record));
    std::vector<SubmissionFile> files;
    for (const char* path : {"model.safetensors", "submission.json"}) {
      files.push_back({.path = path,
                       .size_bytes = static_cast<int64_t>((member + path).size()),
                       .digest = Put(member + path),
                       .held = true});
    }
    REQUIRE_OK(store.DeclareFiles(record.name, files));
    if (state == SubmissionState::kUploading) return record.name;
    REQUIRE_OK(store.BeginChecking(record.name));
    SubmissionVerdict verdict;
    verdict.state = state;
    verdict.receipt_envelope = "{}";
    verdict.decide_time = kNow;
    REQUIRE_OK(database->Transact([&] { return store.Decide(record.name, verdict); }));
    return record.name;
  }

  bool Has(const std::string& bytes) const { return blobs->Contains(Sha256Of(bytes)); }

  std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(temp.File("blobs"), {.free_space_floor_bytes = 0}).value();
  SubmissionStore store{*database};
  const BlobCollector collector{*database, *blobs};
};

TEST_CASE("What a row of any phase names is never collected") {
  Disk disk;
  const Digest probe = disk.Put("probe");
  REQUIRE_OK(disk.cooperatives.InsertProbeText({.cooperative = "nordic",
                                                .domain = "law",
                                                .public_class = false,
                                                .format = "txt",
                                                .digest = probe,
                                                .size_bytes = 5,
                                                .router_documents = 1,
                                                .evaluation_documents = 1},
                                               kNow));
  CheckpointRow base = {
      .cooperative = "nordic", .root_digest = Sha256Of("r"), .signature = "{}", .files = {}};
  base.files = {{.path = "config.json", .size_bytes = 4, .digest = disk.Put("base")}};
  REQUIRE_OK(CheckpointStore(*disk.database).Put(base, kNow));
  disk.Submit("ann", SubmissionState::kAdmitted);
  disk.Submit("bo", SubmissionState::kQuarantined);
  const auto all = disk.blobs->List().value();
  REQUIRE(all.size() == 6);
  REQUIRE_OK_AND_ASSIGN(const Collected some, disk.collector.Collect(all));
  CHECK(some.files == 0);
  REQUIRE_OK_AND_ASSIGN(const Collected later,
                        disk.collector.CollectAll(absl::Now() + absl::Hours(1000)));
  CHECK(later.files == 0);
  CHECK(disk.blobs->List().value() == all);
  REQUIRE_OK_AND_ASSIGN(const auto stored, BlobReferenceStore(*disk.database).ListStored());
  CHECK(stored.size() == 6);
}

TEST_CASE("Another member's declaration of the same bytes keeps nothing of who has left") {
  Disk disk;
  disk.Submit("ann", SubmissionState::kAdmitted);
  const std::string name = disk.Submit("bo", SubmissionState::kUploading);
  // bo has declared ann's weights and was killed before a byte was sent.
  REQUIRE_OK(disk.store.DeclareFiles(name, {{.path = "model.safetensors",
                                             .size_bytes = 20,
                                             .digest = Sha256Of("annmodel.safetensors")}}));
  REQUIRE_OK(disk.store.StartUpload(name, "model.safetensors", kNow));
  REQUIRE_OK(disk.store.ReleaseWithdrawn("cooperatives/nordic/contributors/ann"));
  REQUIRE_OK(disk.cooperatives.Withdraw("nordic", "ann", kNow));
  SECTION("at once") { REQUIRE_OK(disk.collector.CollectReleased()); }
  SECTION("after a restart") { REQUIRE_OK(disk.collector.CollectAll(absl::Now())); }
  CHECK_FALSE(disk.Has("annmodel.safetensors"));
  CHECK_FALSE(disk.Has("annsubmission.json"));
}

TEST_CASE("Rejected weights go, unless another submission names the same") {
  Disk disk;
  disk.Submit("ann", SubmissionState::kRejected);
  REQUIRE_OK_AND_ASSIGN(const Collected first, disk.collector.CollectReleased());
  CHECK(first.files == 1);
  CHECK_FALSE(disk.Has("annmodel.safetensors"));
  CHECK(disk.Has("annsubmission.json"));
  REQUIRE_OK_AND_ASSIGN(const Collected again, disk.collector.CollectReleased());
  CHECK(again.files == 0);
  // bo declares the very bytes; they come, and stay.
  const std::string name = disk.Submit("bo", SubmissionState::kUploading);
  REQUIRE_OK(disk.store.DeclareFiles(name, {{.path = "model.safetensors",
                                             .size_bytes = 20,
                                             .digest = Sha256Of("annmodel.safetensors")}}));
  REQUIRE_OK_AND_ASSIGN(const UploadRecord upload,
                        disk.store.StartUpload(name, "model.safetensors", kNow));
  disk.Put("annmodel.safetensors");
  REQUIRE_OK(disk.database->Transact([&] { return disk.store.CompleteUpload(upload); }));
  REQUIRE_OK(disk.collector.CollectReleased());
  REQUIRE_OK(disk.collector.CollectAll(absl::Now() + absl::Hours(1000)));
  CHECK(disk.Has("annmodel.safetensors"));
}

TEST_CASE("A start collects what is a day old without a row, and staging without an upload") {
  Disk disk;
  disk.Put("nobody's");
  disk.Submit("ann", SubmissionState::kRejected);  // killed before its weights were collected
  REQUIRE_OK(disk.blobs->CreateStaging("left-over"));
  const std::string name = disk.Submit("bo", SubmissionState::kUploading);
  REQUIRE_OK(disk.store.DeclareFiles(
      name, {{.path = "model.safetensors", .size_bytes = 5, .digest = Sha256Of("early")}}));
  REQUIRE_OK_AND_ASSIGN(const UploadRecord upload,
                        disk.store.StartUpload(name, "model.safetensors", kNow));
  REQUIRE_OK(disk.blobs->CreateStaging(upload.staging_id));
  REQUIRE_OK_AND_ASSIGN(const Collected now, disk.collector.CollectAll(absl::Now()));
  CHECK(now.files == 2);  // ann's weights, the left-over
  CHECK(disk.Has("nobody's"));
  CHECK(disk.Has("bosubmission.json"));
  CHECK(disk.blobs->ListStaging().value() == std::vector<std::string>{upload.staging_id});
  const absl::Duration day = absl::Seconds(limits::kUnnamedBlobSeconds);
  REQUIRE_OK_AND_ASSIGN(const Collected later,
                        disk.collector.CollectAll(absl::Now() + day + absl::Minutes(1)));
  CHECK(later.files == 3);  // bo's two files were declared away, too
  CHECK_FALSE(disk.Has("nobody's"));
  CHECK(disk.Has("annsubmission.json"));
}

}  // namespace
}  // namespace kalavai::coordinator
