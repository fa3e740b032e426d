// Goal: the offline check says of a sound directory that it is, and of every damage what and where.
// Method: a real coordinator with a base, a probe text and a rejected submission; stopped; then one
// damage at a time on a copy of its directory, through SQLite or the file system.
#include "coordinator/server/data_verifier.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"

#include "common/cli/program.h"
#include "common/crypto/sha256.h"
#include "common/rpc/status_conversion.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "contributor/submission/resumable_uploader.h"
#include "coordinator/server/verify_command.h"
#include "kalavai/v1/submission.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/finalize_submission.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using coordinator::DataFinding;
using coordinator::DataReport;
using coordinator::VerifyDataDirectory;
using testing::InProcessCoordinator;
using testing::Member;
using testing::TempDir;

// A submission of files that are no model: rejected, with a receipt; its reports stay.
void SubmitRubbish(const Member& member, const TempDir& temp) {
  const auto stub = v1::SubmissionService::NewStub(member.channel);
  v1::CreateSubmissionRequest create;
  create.set_parent("cooperatives/nordic");
  v1::Submission submission;
  grpc::ClientContext creating;
  REQUIRE_OK(FromGrpcStatus(stub->CreateSubmission(&creating, create, &submission)));
  v1::DeclareFilesRequest declare;
  declare.set_name(submission.name());
  for (const char* name : {"config.json", "divergence.json", "model.safetensors", "model.sig",
                           "privacy.json", "submission.json", "tokenizer.json"}) {
    v1::FileDigest* const file = declare.add_files();
    file->set_path(name);
    file->set_size_bytes(2);
    file->set_sha256(Sha256Of("{}").Hex());
  }
  grpc::ClientContext declaring;
  v1::DeclareFilesResponse declared;
  REQUIRE_OK(FromGrpcStatus(stub->DeclareFiles(&declaring, declare, &declared)));
  contributor::ResumableUploader uploader(*stub, "coordinator");
  for (const v1::FileDigest& file : declared.missing_files()) {
    testing::WriteFile(temp.File(file.path()), "{}");
    REQUIRE_OK(uploader.Send(submission.name(),
                             {.path = file.path(), .size_bytes = 2, .digest = Sha256Of("{}")},
                             temp.path(), [](int64_t) {}));
  }
  REQUIRE_OK_AND_ASSIGN(submission, testing::FinalizeAndWait(*stub, submission.name()));
  REQUIRE(submission.state() == v1::Submission::REJECTED);
}

int TypeVerify(const std::string& data) {
  const char* const argv[] = {"kalavai-coordinator", "--format", "json", "verify", "--data",
                              data.c_str()};
  return RunProgram({.name = "kalavai-coordinator", .summary = "", .details = "", .groups = {}},
                    {coordinator::MakeVerifyCommand()}, 6, argv);
}

absl::StatusOr<DataReport> Verify(const std::string& data) {
  return VerifyDataDirectory(data, [](int64_t, int64_t) {});
}

void Sql(const std::string& data, const std::string& script) {
  REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(data + "/coordinator.db"));
  REQUIRE_OK(database->ExecuteScript(script));
}

std::string SomeBlob(const std::string& data) {
  REQUIRE_OK_AND_ASSIGN(const auto blobs, BlobStore::Open(data + "/blobs"));
  return blobs->Path(Sha256Of("{}"));
}

void FlipByte(const std::string& data) {
  const std::string path = SomeBlob(data);
  fs::permissions(path, fs::perms::owner_all);
  testing::WriteFile(path, "{]");
}

struct Damage {
  const char* what;
  std::function<void(const std::string& data)> act;
  std::string part;
  std::string reason;
  std::string words;  // in the message
};

std::vector<Damage> Damages() {
  const auto sql = [](const char* script) {
    return [script](const std::string& data) { Sql(data, script); };
  };
  return {
      {"a flipped byte", FlipByte, "blobs", "DIGEST_MISMATCH", Sha256Of("{}").Hex()},
      {"a blob cut short",
       [](const std::string& data) {
         fs::permissions(SomeBlob(data), fs::perms::owner_all);
         fs::resize_file(SomeBlob(data), 1);
       },
       "blobs", "ROW_DAMAGED", "the blob has 1"},
      {"a missing blob", [](const std::string& data) { fs::remove(SomeBlob(data)); }, "blobs",
       "BLOB_NOT_FOUND", "submissions/st-mary-1"},
      {"a changed leaf",
       sql("DROP TRIGGER log_entries_no_update; "
           "UPDATE log_entries SET leaf = replace(leaf, 'REJECT', 'ADMITT')"),
       "log", "LOG_DAMAGED", "leaf"},
      {"a log cut short",
       sql("DROP TRIGGER log_entries_no_delete; "
           "DELETE FROM log_entries WHERE log_index = (SELECT max(log_index) FROM log_entries)"),
       "log", "LOG_DAMAGED", ""},
      {"a verdict turned round", sql("UPDATE submissions SET state = 'ADMITTED'"), "rows",
       "ROW_DAMAGED", "state 'ADMITTED'"},
      {"a receipt removed", sql("UPDATE submissions SET receipt_envelope = ''"), "rows",
       "ROW_DAMAGED", "without a receipt"},
      {"a receipt of another key",
       sql("UPDATE submissions SET receipt_envelope = replace(receipt_envelope, 'sig\":\"M', "
           "'sig\":\"N')"),
       "rows", "", "st-mary-1"},
      {"a base of another digest", sql("UPDATE checkpoints SET root_digest = zeroblob(32)"), "rows",
       "ROW_DAMAGED", "root digest"},
      {"a base file of another digest",
       sql("UPDATE checkpoint_files SET digest = zeroblob(32) WHERE path = 'config.json'"), "rows",
       "", "config.json"},
      {"a file's size changed", sql("UPDATE checkpoint_files SET size_bytes = size_bytes + 1"),
       "blobs", "ROW_DAMAGED", "checkpoints/base"},
      {"a charter that is not signed",
       sql("UPDATE cooperatives SET charter_envelope = '{}' WHERE state <> 'DRAFT'"), "rows",
       "SIGNATURE_MALFORMED", "nordic"},
      {"a migration that was edited", sql("UPDATE schema_migrations SET sha256 = zeroblob(32)"),
       "database", "MIGRATION_DRIFT", ""},
      {"the directory of a release that was killed",
       [](const std::string& data) {
         fs::create_directories(data + "/models/nordic/f.partial");
         testing::WriteFile(data + "/models/nordic/f.partial/router.safetensors", "a router");
       },
       "models", "MODEL_DIRECTORY_UNKNOWN", "models/nordic/f.partial"},
      {"a model that lost its row",
       [](const std::string& data) { fs::create_directories(data + "/models/nordic/f"); }, "models",
       "MODEL_DIRECTORY_UNKNOWN", "models/nordic/f"},
      {"a row that refers to none",
       sql("PRAGMA foreign_keys = OFF; UPDATE submission_files SET submission = 'x'"), "database",
       "DATABASE_CORRUPT", "submission_files"},
      {"a file that is no database",
       [](const std::string& data) {
         fs::remove(data + "/coordinator.db-wal");
         testing::WriteFile(data + "/coordinator.db", std::string(8192, 'x'));
       },
       "database", "NOT_OUR_DATABASE", ""},
  };
}

TEST_CASE("Every damage of a data directory is found and named", "[integration]") {
  const TempDir temp;
  InProcessCoordinator running;
  fs::create_directory(temp.File("base"));
  testing::WriteTinyBase(temp.File("base"), 1);
  running.LaunchCooperative("nordic", {"legal", "medical"}, temp.File("base"));
  SubmitRubbish(running.Enroll("nordic", "st-mary", "medical"), temp);
  REQUIRE_STATUS(Verify(running.data()), absl::StatusCode::kUnavailable, "DATABASE_BUSY");
  CHECK(TypeVerify(running.data()) == 3);
  running.Stop();
  REQUIRE_OK_AND_ASSIGN(const DataReport sound, Verify(running.data()));
  for (const DataFinding& finding : sound.findings) INFO(finding.message);
  CHECK(sound.Sound());
  CHECK(sound.log.size > 5);
  CHECK(sound.rows == 3);  // charter, base, submission
  CHECK(sound.blobs > 3);
  CHECK(sound.unnamed == 0);
  CHECK(TypeVerify(running.data()) == 0);
  for (const Damage& damage : Damages()) {
    INFO(damage.what);
    const TempDir copy;
    fs::copy(running.data(), copy.File("data"), fs::copy_options::recursive);
    damage.act(copy.File("data"));
    REQUIRE_OK_AND_ASSIGN(const DataReport report, Verify(copy.File("data")));
    std::string all;
    for (const DataFinding& finding : report.findings) {
      absl::StrAppend(&all, finding.part, " ", finding.reason, " ", finding.message, "\n");
    }
    INFO(all);
    CHECK(std::any_of(report.findings.begin(), report.findings.end(),
                      [&](const DataFinding& finding) {
                        return finding.part == damage.part &&
                               (damage.reason.empty() || finding.reason == damage.reason) &&
                               absl::StrContains(finding.message, damage.words);
                      }));
    CHECK(TypeVerify(copy.File("data")) == 1);
  }
  REQUIRE_STATUS(Verify(temp.File("nothing")), absl::StatusCode::kFailedPrecondition,
                 "DATA_DIRECTORY_INVALID");
}

}  // namespace
}  // namespace kalavai
