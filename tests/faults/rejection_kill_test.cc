// Goal: kill -9 at any point of a rejection and of the collection after it loses nothing that a row
// names and nothing that was acknowledged, and the next start finishes the work. Method: a child
// rejects one member's submission, whose weights another, admitted one names in part, and is killed
// before and after each of its file calls in turn.
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/status_macros.h"
#include "common/storage/blob_store.h"
#include "common/storage/migrator.h"
#include "common/storage/sqlite.h"
#include "coordinator/blob_collector.h"
#include "coordinator/blob_reference_store.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/transparency/transparency_log.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using coordinator::BlobCollector;
using coordinator::BlobReference;
using coordinator::BlobReferenceStore;
using coordinator::SubmissionFile;
using coordinator::SubmissionRecord;
using coordinator::SubmissionState;
using coordinator::SubmissionStore;
using coordinator::SubmissionVerdict;
using coordinator::TransparencyLog;
using testing::Fault;
using testing::FaultKind;
using testing::FaultyFileSystem;
using testing::TempDir;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr char kStages[] = "RC";  // told when: rejected; collected

std::string Name(const std::string& member) {
  return absl::StrCat("cooperatives/nordic/submissions/", member, "-1");
}

struct Disk {
  std::unique_ptr<Database> database = {};
  std::unique_ptr<BlobStore> blobs = {};

  absl::Status Open(const std::string& directory) {
    ASSIGN_OR_RETURN(database, Database::Open(directory + "/coordinator.db"));
    ASSIGN_OR_RETURN(blobs, BlobStore::Open(directory + "/blobs", {.free_space_floor_bytes = 0}));
    return absl::OkStatus();
  }
};

// The member's submission in CHECKING, its files arrived.
void Arrive(Disk& disk, const std::string& member, const std::vector<std::string>& weights) {
  SubmissionStore store(*disk.database);
  SubmissionRecord record;
  record.name = Name(member);
  record.cooperative = "cooperatives/nordic";
  record.contributor = absl::StrCat("cooperatives/nordic/contributors/", member);
  record.domain = "law";
  record.nonce = member;
  record.create_time = kNow;
  REQUIRE_OK(store.Create(record));
  std::vector<SubmissionFile> files;
  const auto add = [&](const std::string& path, const std::string& bytes) {
    files.push_back({.path = path,
                     .size_bytes = static_cast<int64_t>(bytes.size()),
                     .digest = disk.blobs->PutBytes(bytes).value(),
                     .held = true});
  };
  for (const std::string& bytes : weights) add(absl::StrCat(bytes, ".safetensors"), bytes);
  add("submission.json", member);
  REQUIRE_OK(store.DeclareFiles(record.name, files));
  REQUIRE_OK(store.BeginChecking(record.name));
}

absl::Status Decide(Disk& disk, const std::string& member, SubmissionState state) {
  SubmissionStore store(*disk.database);
  TransparencyLog log(*disk.database);
  SubmissionVerdict verdict;
  verdict.state = state;
  verdict.receipt_envelope = "{}";
  verdict.decide_time = kNow;
  return disk.database->Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t index, log.Size());
    RETURN_IF_ERROR(log.Append(index, member, kNow));
    return store.Decide(Name(member), verdict);
  });
}

void Prepare(const std::string& directory) {
  Disk disk;
  REQUIRE_OK(disk.Open(directory));
  REQUIRE_OK(Migrate(*disk.database, EmbeddedMigrations(), kNow));
  Arrive(disk, "bo", {"common", "theirs"});
  REQUIRE_OK(Decide(disk, "bo", SubmissionState::kAdmitted));
  Arrive(disk, "ann", {"common", "own"});
}

// Goes on wherever an earlier run was ended, as a started server does.
absl::Status Reject(const std::string& directory, int pipe_end) {
  const auto tell = [&](char stage) { return write(pipe_end, &stage, 1) == 1; };
  Disk disk;
  RETURN_IF_ERROR(disk.Open(directory));
  RETURN_IF_ERROR(TransparencyLog(*disk.database).Prepare());
  const BlobCollector collector(*disk.database, *disk.blobs);
  RETURN_IF_ERROR(collector.CollectAll(kNow).status());
  ASSIGN_OR_RETURN(const SubmissionRecord record, SubmissionStore(*disk.database).Get(Name("ann")));
  if (record.state == SubmissionState::kChecking) {
    RETURN_IF_ERROR(Decide(disk, "ann", SubmissionState::kRejected));
  }
  if (!tell(kStages[0])) return absl::InternalError("pipe");
  RETURN_IF_ERROR(collector.CollectReleased().status());
  return tell(kStages[1]) ? absl::OkStatus() : absl::InternalError("pipe");
}

void Inspect(const std::string& directory, const std::string& told) {
  Disk disk;
  REQUIRE_OK(disk.Open(directory));
  REQUIRE_OK(disk.database->CheckIntegrity());
  REQUIRE_OK_AND_ASSIGN(const auto tree, TransparencyLog(*disk.database).Verify());
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord ann,
                        SubmissionStore(*disk.database).Get(Name("ann")));
  const bool rejected = ann.state == SubmissionState::kRejected;
  CHECK(tree.size == (rejected ? 2U : 1U));
  if (!told.empty()) CHECK(rejected);
  REQUIRE_OK_AND_ASSIGN(const auto references, BlobReferenceStore(*disk.database).ListStored());
  CHECK(references.size() == (rejected ? 4U : 6U));
  for (const BlobReference& reference : references) {
    INFO(reference.row);
    REQUIRE_OK(disk.blobs->Check(reference.digest));
  }
  if (told.size() == 2) CHECK_FALSE(disk.blobs->Contains(Sha256Of("own")));
}

struct Ending {
  bool killed = false;
  std::string told = {};
};

Ending RejectInChild(const std::string& directory, const Fault& fault) {
  int ends[2] = {-1, -1};
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool ok = false;
    {
      const FaultyFileSystem faults(directory, fault);
      ok = Reject(directory, ends[1]).ok();
    }
    _exit(ok ? 0 : 2);
  }
  close(ends[1]);
  Ending ending;
  char stage = 0;
  while (read(ends[0], &stage, 1) == 1) ending.told.push_back(stage);
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  ending.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (!ending.killed) REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return ending;
}

TEST_CASE("A rejection killed at any file call loses nothing and is finished later", "[faults]") {
  for (const FaultKind kind : {FaultKind::kKillBefore, FaultKind::kKillAfter}) {
    int64_t call = 1;
    bool between = false;  // the verdict told, its files not yet collected
    for (;; ++call) {
      const TempDir dir;
      Prepare(dir.path());
      const Ending ending = RejectInChild(dir.path(), {.call = call, .kind = kind});
      INFO("killed at call " << call << " after '" << ending.told << "'");
      Inspect(dir.path(), ending.told);
      between = between || ending.told.size() == 1;
      const Ending again = RejectInChild(dir.path(), {});
      REQUIRE(again.told == kStages);
      Inspect(dir.path(), again.told);
      if (!ending.killed) break;
    }
    CHECK(call > 20);
    CHECK(between);
  }
}

}  // namespace
}  // namespace kalavai
