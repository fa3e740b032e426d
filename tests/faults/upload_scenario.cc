#include "tests/faults/upload_scenario.h"

#include <algorithm>
#include <memory>
#include <span>

#include "absl/strings/str_cat.h"

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"
#include "common/storage/blob_store.h"
#include "common/storage/migrator.h"
#include "common/storage/sqlite.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/submission/upload_session.h"
#include "coordinator/transparency/transparency_log.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"

namespace kalavai::testing {
namespace {

using coordinator::SubmissionFile;
using coordinator::SubmissionRecord;
using coordinator::SubmissionStore;
using coordinator::TransparencyLog;
using coordinator::UploadRecord;
using coordinator::UploadSessions;

constexpr char kSubmission[] = "cooperatives/nordic/submissions/st-mary-1";
constexpr int64_t kChunk = 3000;

class FixedClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(1'800'000'000); }
};

// By file index.
const std::vector<std::string>& Contents() {
  static const std::vector<std::string> kContents = {std::string(7000, 'a'),
                                                     std::string(2000, 'b')};
  return kContents;
}

std::vector<SubmissionFile> Files() {
  std::vector<SubmissionFile> files;
  for (const std::string& content : Contents()) {
    files.push_back({.path = absl::StrCat("file-", files.size()),
                     .size_bytes = static_cast<int64_t>(content.size()),
                     .digest = Sha256Of(content)});
  }
  return files;
}

struct Coordinator {
  const FixedClock clock = {};
  std::unique_ptr<Database> database = {};
  std::unique_ptr<BlobStore> blobs = {};

  absl::Status Open(const std::string& directory) {
    RETURN_IF_ERROR(EnsureDirectory(directory));
    ASSIGN_OR_RETURN(database, Database::Open(directory + "/coordinator.db"));
    ASSIGN_OR_RETURN(blobs, BlobStore::Open(directory + "/blobs", {.free_space_floor_bytes = 0}));
    return absl::OkStatus();
  }
};

// Makes the submission with its log leaf, unless it is there.
absl::Status Begin(Database& database, SubmissionStore& store, absl::Time now) {
  return database.Transact([&]() -> absl::Status {
    if (store.Get(kSubmission).ok()) return absl::OkStatus();
    SubmissionRecord record;
    record.name = kSubmission;
    record.cooperative = "cooperatives/nordic";
    record.contributor = "cooperatives/nordic/contributors/st-mary";
    record.domain = "medical";
    record.nonce = std::string(64, '7');
    record.create_time = now;
    RETURN_IF_ERROR(store.Create(record));
    RETURN_IF_ERROR(store.DeclareFiles(kSubmission, Files()).status());
    TransparencyLog log(database);
    ASSIGN_OR_RETURN(const int64_t size, log.Size());
    return log.Append(size, "begin", now);
  });
}

absl::Status UploadFile(Coordinator& parts, SubmissionStore& store, int64_t file,
                        const std::function<void(const Promise&)>& promise) {
  UploadSessions sessions(*parts.database, store, *parts.blobs, parts.clock);
  UploadRecord upload;
  RETURN_IF_ERROR(parts.database->Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        upload, store.StartUpload(kSubmission, absl::StrCat("file-", file), parts.clock.Now()));
    return absl::OkStatus();
  }));
  if (upload.complete) return absl::OkStatus();
  const std::string& content = Contents()[static_cast<size_t>(file)];
  ASSIGN_OR_RETURN(const auto session, sessions.Open(upload.name));
  absl::Status status;
  while (status.ok() && session->size() < upload.size_bytes) {
    const std::string chunk = content.substr(static_cast<size_t>(session->size()), kChunk);
    status = session->Append(session->size(), chunk, Sha256Of(chunk).bytes());
    if (status.ok()) status = session->Sync();
    if (status.ok()) {
      promise({.kind = PromiseKind::kPersisted, .file = file, .size = session->size()});
    }
  }
  if (status.ok()) status = session->Finish();
  if (status.ok()) promise({.kind = PromiseKind::kHeld, .file = file});
  return status;
}

void CheckFile(Coordinator& parts, SubmissionStore& store, const Promise& promise) {
  const Digest digest = Files()[static_cast<size_t>(promise.file)].digest;
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord record, store.Get(kSubmission));
  const bool held = record.files.at(static_cast<size_t>(promise.file)).held;
  if (promise.kind == PromiseKind::kHeld) REQUIRE(held);
  // Between the rename and the row the bytes are a blob; the upload of it starts again.
  if (held || parts.blobs->Contains(digest)) return;
  UploadSessions sessions(*parts.database, store, *parts.blobs, parts.clock);
  REQUIRE_OK_AND_ASSIGN(const UploadRecord upload,
                        store.GetUpload(absl::StrCat(kSubmission, "/uploads/", digest.Hex())));
  REQUIRE_OK_AND_ASSIGN(const int64_t persisted, sessions.PersistedSize(upload));
  REQUIRE(persisted >= promise.size);
}

}  // namespace

absl::Status RunUploads(const std::string& directory,
                        const std::function<void(const Promise&)>& promise) {
  Coordinator parts;
  RETURN_IF_ERROR(parts.Open(directory));
  RETURN_IF_ERROR(Migrate(*parts.database, EmbeddedMigrations(), parts.clock.Now()));
  promise({.kind = PromiseKind::kMigrated});
  SubmissionStore store(*parts.database);
  RETURN_IF_ERROR(Begin(*parts.database, store, parts.clock.Now()));
  promise({.kind = PromiseKind::kLogged, .size = 1});
  absl::Status status;
  for (int64_t file = 0; file < static_cast<int64_t>(Contents().size()) && status.ok(); ++file) {
    status = UploadFile(parts, store, file, promise);
  }
  return status;
}

void CheckPromises(const std::string& directory, const std::vector<Promise>& promises) {
  Coordinator parts;
  REQUIRE_OK(parts.Open(directory));
  REQUIRE_OK(parts.database->CheckIntegrity());
  REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> blobs, parts.blobs->List());
  for (const Digest& digest : blobs) REQUIRE_OK(parts.blobs->Check(digest));
  const absl::Status schema = CheckSchema(*parts.database, EmbeddedMigrations());
  if (promises.empty()) {
    REQUIRE((schema.ok() || GetErrorReason(schema) == "SCHEMA_OLDER"));
    return;
  }
  REQUIRE_OK(schema);
  SubmissionStore store(*parts.database);
  REQUIRE_OK_AND_ASSIGN(const int64_t leaves, TransparencyLog(*parts.database).Size());
  const auto record = store.Get(kSubmission);
  REQUIRE(leaves == (record.ok() ? 1 : 0));
  if (record.ok()) {
    for (const SubmissionFile& file : record->files) {
      if (file.held) REQUIRE(parts.blobs->Contains(file.digest));
    }
  }
  for (const Promise& promise : promises) {
    if (promise.kind == PromiseKind::kLogged) REQUIRE(leaves >= promise.size);
    if (promise.kind == PromiseKind::kPersisted || promise.kind == PromiseKind::kHeld) {
      CheckFile(parts, store, promise);
    }
  }
}

}  // namespace kalavai::testing
