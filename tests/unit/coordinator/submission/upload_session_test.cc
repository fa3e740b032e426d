// Goal: a file arrives whole or not at all, from one writer, and goes on where it stopped.
// Method: a real blob store and database; sessions broken off at every stage, with the store and
// database opened anew in between, as after a kill.
#include "coordinator/submission/upload_session.h"

#include <memory>
#include <string>

#include "absl/time/clock.h"

#include "common/storage/migrator.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

constexpr char kSubmission[] = "cooperatives/nordic/submissions/st-mary-1";

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
};

// A coordinator's disk; Restart() forgets everything that is not on it.
class Disk {
 public:
  Disk() {
    Restart();
    REQUIRE_OK(Migrate(*database, EmbeddedMigrations(), clock.Now()));
    Transact([&] {
      SubmissionRecord record;
      record.name = kSubmission;
      record.cooperative = "cooperatives/nordic";
      record.contributor = "cooperatives/nordic/contributors/st-mary";
      record.domain = "medical";
      record.nonce = std::string(64, '7');
      record.create_time = clock.Now();
      return store->Create(record);
    });
  }

  void Restart() {
    sessions.reset();
    store.reset();
    database.reset();
    database = Database::Open(temp.File("db")).value();
    blobs = BlobStore::Open(temp.File("blobs"), {.free_space_floor_bytes = 0}).value();
    store = std::make_unique<SubmissionStore>(*database);
    sessions = std::make_unique<UploadSessions>(*database, *store, *blobs, clock);
  }

  template <typename Body>
  void Transact(Body body) {
    REQUIRE_OK(database->Transact(body));
  }

  // Declares `content` as the file and opens its upload.
  std::string Declare(const std::string& content) {
    std::string name;
    Transact([&]() -> absl::Status {
      auto dropped =
          store->DeclareFiles(kSubmission, {{.path = "model.safetensors",
                                             .size_bytes = static_cast<int64_t>(content.size()),
                                             .digest = Sha256Of(content)}});
      RETURN_IF_ERROR(dropped.status());
      ASSIGN_OR_RETURN(const UploadRecord upload,
                       store->StartUpload(kSubmission, "model.safetensors", clock.Now()));
      name = upload.name;
      return absl::OkStatus();
    });
    return name;
  }

  int64_t Persisted(const std::string& upload) {
    return sessions->PersistedSize(store->GetUpload(upload).value()).value();
  }

  testing::TempDir temp;
  FakeClock clock;
  std::unique_ptr<Database> database;
  std::unique_ptr<BlobStore> blobs;
  std::unique_ptr<SubmissionStore> store;
  std::unique_ptr<UploadSessions> sessions;
};

absl::Status Append(UploadSession& session, int64_t offset, const std::string& data) {
  return session.Append(offset, data, Sha256Of(data).bytes());
}

TEST_CASE("A file goes on at its persisted size after a restart and is complete once",
          "[submission]") {
  Disk disk;
  const std::string content = "0123456789";
  const std::string upload = disk.Declare(content);
  CHECK(disk.Persisted(upload) == 0);
  {
    REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(upload));
    REQUIRE_OK(Append(*session, 0, "0123"));
    CHECK(disk.Persisted(upload) == 0);  // not before fdatasync
    REQUIRE_OK(session->Sync());
    CHECK(disk.Persisted(upload) == 4);
  }
  disk.Restart();
  CHECK(disk.Persisted(upload) == 4);
  {
    REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(upload));
    CHECK(session->size() == 4);
    REQUIRE_OK(Append(*session, 4, "456789"));
    REQUIRE_OK(session->Finish());
  }
  disk.Restart();
  CHECK(disk.Persisted(upload) == 10);
  CHECK(disk.store->GetUpload(upload).value().complete);
  CHECK(disk.blobs->Read(Sha256Of(content), 0, 100).value() == content);
}

TEST_CASE("A write elsewhere than at the end is refused with the offset to use", "[submission]") {
  Disk disk;
  const std::string upload = disk.Declare("0123456789");
  REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(upload));
  REQUIRE_OK(Append(*session, 0, "0123"));
  for (const int64_t offset : {int64_t{0}, int64_t{3}, int64_t{5}, int64_t{-1}}) {
    const absl::Status status = Append(*session, offset, "4");
    REQUIRE_STATUS(status, absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH");
    CHECK(GetErrorDetail(status)->text.metadata.at("expected_offset") == "4");
  }
  CHECK(session->size() == 4);
}

TEST_CASE("A damaged chunk writes nothing", "[submission]") {
  Disk disk;
  const std::string upload = disk.Declare("0123456789");
  REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(upload));
  REQUIRE_STATUS(session->Append(0, "0124", Sha256Of("0123").bytes()), absl::StatusCode::kDataLoss,
                 "DIGEST_MISMATCH");
  REQUIRE_STATUS(session->Append(0, "0123", "short"), absl::StatusCode::kDataLoss,
                 "DIGEST_MISMATCH");
  CHECK(session->size() == 0);
  REQUIRE_OK(Append(*session, 0, "0123"));
}

TEST_CASE("A second writer is refused until the first is gone", "[submission]") {
  Disk disk;
  const std::string upload = disk.Declare("0123456789");
  REQUIRE_OK_AND_ASSIGN(auto first, disk.sessions->Open(upload));
  REQUIRE_STATUS(disk.sessions->Open(upload), absl::StatusCode::kAborted, "UPLOAD_BUSY");
  first.reset();
  REQUIRE_OK(disk.sessions->Open(upload));
}

TEST_CASE("A file of another size or content than declared never becomes a blob", "[submission]") {
  Disk disk;
  const std::string upload = disk.Declare("0123456789");
  {
    REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(upload));
    REQUIRE_OK(Append(*session, 0, "01234"));
    REQUIRE_STATUS(session->Finish(), absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH");
    REQUIRE_STATUS(Append(*session, 5, "56789+"), absl::StatusCode::kInvalidArgument,
                   "SIZE_MISMATCH");
    REQUIRE_OK(Append(*session, 5, "56780"));
    REQUIRE_STATUS(session->Finish(), absl::StatusCode::kDataLoss, "DIGEST_MISMATCH");
  }
  CHECK_FALSE(disk.store->GetUpload(upload).value().complete);
  CHECK(disk.Persisted(upload) == 0);  // starts again
  CHECK_FALSE(disk.blobs->Contains(Sha256Of("0123456789")));
}

TEST_CASE("Bytes of one size never stand for a file declared with another", "[submission]") {
  Disk disk;
  const std::string content = "four";
  std::string name;
  disk.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(
        disk.store
            ->DeclareFiles(
                kSubmission,
                {{.path = "config.json", .size_bytes = 4, .digest = Sha256Of(content)},
                 {.path = "model.safetensors", .size_bytes = 4000, .digest = Sha256Of(content)},
                 {.path = "tokenizer.json", .size_bytes = 4, .digest = Sha256Of(content)}})
            .status());
    ASSIGN_OR_RETURN(const UploadRecord upload,
                     disk.store->StartUpload(kSubmission, "config.json", disk.clock.Now()));
    name = upload.name;
    return absl::OkStatus();
  });
  {
    REQUIRE_OK_AND_ASSIGN(const auto session, disk.sessions->Open(name));
    REQUIRE_OK(session->Append(0, content, Sha256Of(content).bytes()));
    REQUIRE_OK(session->Finish());
  }
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord record, disk.store->Get(kSubmission));
  for (const SubmissionFile& file : record.files) {
    INFO(file.path);
    CHECK(file.held == (file.path != "model.safetensors"));
  }
}

TEST_CASE("An upload nobody finished in 72 hours goes, with its bytes", "[submission]") {
  Disk disk;
  const std::string upload = disk.Declare("0123456789");
  {
    REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(upload));
    REQUIRE_OK(Append(*session, 0, "0123"));
  }
  disk.clock.now += absl::Hours(71);
  REQUIRE_OK(disk.sessions->SweepExpired());
  CHECK(disk.Persisted(upload) == 4);
  disk.clock.now += absl::Hours(2);
  REQUIRE_OK(disk.sessions->SweepExpired());
  REQUIRE_STATUS(disk.store->GetUpload(upload), absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND");
  CHECK(disk.blobs->ListStaging().value().empty());
}

TEST_CASE("What arrives after it was declared away is removed again", "[submission]") {
  Disk disk;
  const std::string content = "0123456789";
  const std::string upload = disk.Declare(content);
  REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(upload));
  REQUIRE_OK(Append(*session, 0, content));
  disk.Declare("another");  // its caller has not come to discard the staging file
  REQUIRE_STATUS(session->Finish(), absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND");
  CHECK_FALSE(disk.blobs->Contains(Sha256Of(content)));
}

TEST_CASE("A file whose blob was collected between its rename and its row is sent again",
          "[submission]") {
  Disk disk;
  const std::string content = "0123456789";
  const std::string name = disk.Declare(content);
  const UploadRecord upload = disk.store->GetUpload(name).value();
  REQUIRE_OK(disk.blobs->PutBytes(content));
  REQUIRE_OK(disk.blobs->Delete(upload.digest));  // an equal one of somebody who has just left
  const absl::Status status = disk.sessions->Complete(upload);
  REQUIRE_STATUS(status, absl::StatusCode::kUnavailable, "UPLOAD_COLLECTED");
  CHECK_FALSE(disk.store->GetUpload(name).value().complete);
  CHECK(disk.Persisted(name) == 0);
  REQUIRE_OK_AND_ASSIGN(auto session, disk.sessions->Open(name));
  REQUIRE_OK(Append(*session, 0, content));
  REQUIRE_OK(session->Finish());
  CHECK(disk.store->GetUpload(name).value().complete);
}

}  // namespace
}  // namespace kalavai::coordinator
