// Goal: rows move only along the states of the design, and who has left is masked at once.
// Method: a real database with every migration; each illegal move tried; a member withdrawn.
#include "coordinator/submission/submission_store.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/storage/migrator.h"
#include "coordinator/launch/cooperative_store.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

constexpr char kCooperative[] = "cooperatives/nordic";
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

struct Rows {
  Rows() {
    database = Database::Open(temp.File("db")).value();
    REQUIRE_OK(Migrate(*database, EmbeddedMigrations(), kNow));
    store = std::make_unique<SubmissionStore>(*database);
    cooperatives = std::make_unique<CooperativeStore>(*database);
    REQUIRE_OK(database->Transact([&]() -> absl::Status {
      CooperativeRow row;
      row.id = "nordic";
      row.domains = {"legal", "medical"};
      row.create_time = kNow;
      RETURN_IF_ERROR(cooperatives->Insert(row));
      for (const char* id : {"firm", "st-mary"}) {
        ContributorRow member;
        member.cooperative = "nordic";
        member.id = id;
        member.domain = std::string(id) == "firm" ? "legal" : "medical";
        member.create_time = kNow;
        RETURN_IF_ERROR(cooperatives->InsertContributor(member));
      }
      return absl::OkStatus();
    }));
  }

  std::string Name(const std::string& id) const {
    return std::string(kCooperative) + "/submissions/" + id;
  }

  absl::Status Create(const std::string& member, int number) {
    SubmissionRecord record;
    record.name = Name(member + "-" + std::to_string(number));
    record.cooperative = kCooperative;
    record.contributor = std::string(kCooperative) + "/contributors/" + member;
    record.domain = "medical";
    record.nonce = member + std::to_string(number);
    record.create_time = kNow;
    return database->Transact([&] { return store->Create(record); });
  }

  absl::Status Declare(const std::string& name) {
    return database->Transact([&]() -> absl::Status {
      return store
          ->DeclareFiles(name,
                         {{.path = "model.safetensors", .size_bytes = 3, .digest = Sha256Of(name)}})
          .status();
    });
  }

  absl::Status Decide(const std::string& name, SubmissionState state, const Digest& weights) {
    SubmissionVerdict verdict;
    verdict.state = state;
    verdict.root_digest = Sha256Of("root " + name);
    verdict.weights_digest = weights;
    verdict.divergence_percent = 12.5;
    verdict.checks = {{"files", true, "", ""}, {"copy", false, "COPY_OF_OTHER", "a copy"}};
    verdict.receipt_envelope = "{}";
    verdict.decide_time = kNow;
    return database->Transact([&] { return store->Decide(name, verdict); });
  }

  void Bring(const std::string& member, SubmissionState state) {
    REQUIRE_OK(Create(member, 1));
    const std::string name = Name(member + "-1");
    REQUIRE_OK(Declare(name));
    REQUIRE_OK(database->Transact([&] { return store->BeginChecking(name); }));
    REQUIRE_OK(Decide(name, state, Sha256Of(member)));
  }

  testing::TempDir temp;
  std::unique_ptr<Database> database;
  std::unique_ptr<SubmissionStore> store;
  std::unique_ptr<CooperativeStore> cooperatives;
};

TEST_CASE("A submission moves only along its states", "[submission]") {
  Rows rows;
  const auto code = absl::StatusCode::kFailedPrecondition;
  REQUIRE_OK(rows.Create("st-mary", 1));
  const std::string name = rows.Name("st-mary-1");
  REQUIRE_STATUS(rows.store->BeginChecking(name), code, "PHASE_MISMATCH");
  REQUIRE_STATUS(rows.Decide(name, SubmissionState::kAdmitted, Digest()), code, "PHASE_MISMATCH");
  REQUIRE_OK(rows.Declare(name));
  REQUIRE_OK(rows.Declare(name));  // declared anew while uploading
  REQUIRE_OK(rows.store->BeginChecking(name));
  REQUIRE_STATUS(rows.Declare(name), code, "PHASE_MISMATCH");
  REQUIRE_OK_AND_ASSIGN(const auto checking, rows.store->ListChecking());
  CHECK(checking == std::vector<std::string>{name});
  REQUIRE_OK(rows.Decide(name, SubmissionState::kAdmitted, Sha256Of("w")));
  REQUIRE_STATUS(rows.store->DecideQuarantined(name, true, "fine", "{}", kNow), code,
                 "PHASE_MISMATCH");
  REQUIRE_STATUS(rows.store->Get(rows.Name("x-1")), absl::StatusCode::kNotFound,
                 "SUBMISSION_NOT_FOUND");
}

TEST_CASE("One submission a contributor, until it is rejected", "[submission]") {
  Rows rows;
  rows.Bring("st-mary", SubmissionState::kQuarantined);
  REQUIRE_STATUS(rows.Create("st-mary", 2), absl::StatusCode::kAlreadyExists, "SUBMISSION_EXISTS");
  REQUIRE_OK(rows.database->Transact([&] {
    return rows.store->DecideQuarantined(rows.Name("st-mary-1"), false, "a copy", "{}", kNow);
  }));
  REQUIRE_OK(rows.Create("st-mary", 2));
  CHECK(rows.store->Count("cooperatives/nordic/contributors/st-mary").value() == 2);
}

TEST_CASE("A newer admitted specialist takes the earlier one's place", "[submission]") {
  Rows rows;
  rows.Bring("st-mary", SubmissionState::kAdmitted);
  const std::string first = rows.Name("st-mary-1");
  const std::string second = rows.Name("st-mary-2");
  REQUIRE_OK(rows.Create("st-mary", 2));
  REQUIRE_OK(rows.Declare(second));
  REQUIRE_OK(rows.database->Transact([&] { return rows.store->BeginChecking(second); }));
  // Until the verdict, the first is the one that is fused.
  CHECK(rows.store->ListAdmitted(kCooperative).value().at(0).submission == first);
  SECTION("rejected, it changes nothing") {
    REQUIRE_OK(rows.Decide(second, SubmissionState::kRejected, Sha256Of("two")));
    CHECK(rows.store->Get(first).value().state == SubmissionState::kAdmitted);
    return;
  }
  SECTION("admitted at once") {
    REQUIRE_OK(rows.Decide(second, SubmissionState::kAdmitted, Sha256Of("two")));
  }
  SECTION("admitted by an administrator") {
    REQUIRE_OK(rows.Decide(second, SubmissionState::kQuarantined, Sha256Of("two")));
    CHECK(rows.store->Get(first).value().state == SubmissionState::kAdmitted);
    REQUIRE_OK(rows.database->Transact(
        [&] { return rows.store->DecideQuarantined(second, true, "fine", "{}", kNow); }));
  }
  CHECK(rows.store->Get(first).value().state == SubmissionState::kSuperseded);
  CHECK(rows.store->Get(first).value().receipt_envelope == "{}");  // on record
  REQUIRE_OK_AND_ASSIGN(const auto admitted, rows.store->ListAdmitted(kCooperative));
  REQUIRE(admitted.size() == 1);
  CHECK(admitted[0].submission == second);
  CHECK(rows.store->ListUsable(kCooperative).value().size() == 2);
  CHECK(rows.store->CountVersions("cooperatives/nordic/contributors/st-mary").value() == 2);
  REQUIRE_OK(rows.Create("st-mary", 3));  // and so on
}

TEST_CASE("Of a member that left every file is let go of, names and verdicts stay",
          "[submission]") {
  Rows rows;
  rows.Bring("firm", SubmissionState::kAdmitted);
  rows.Bring("st-mary", SubmissionState::kAdmitted);
  const std::string contributor = "cooperatives/nordic/contributors/firm";
  REQUIRE_OK(rows.Create("firm", 2));
  REQUIRE_OK(rows.Declare(rows.Name("firm-2")));
  REQUIRE_OK(rows.store->StartUpload(rows.Name("firm-2"), "model.safetensors", kNow));
  const UploadRecord upload =
      rows.store->StartUpload(rows.Name("firm-2"), "model.safetensors", kNow).value();
  REQUIRE_OK(rows.database->Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(rows.cooperatives->Withdraw("nordic", "firm", kNow));
    return rows.store->ReleaseWithdrawn(contributor);
  }));
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord left, rows.store->Get(rows.Name("firm-1")));
  CHECK(left.state == SubmissionState::kWithdrawn);
  for (const SubmissionFile& file : left.files) CHECK_FALSE(file.held);
  CHECK_FALSE(left.divergence_percent.has_value());
  CHECK(left.root_digest.has_value());
  CHECK(left.receipt_envelope == "{}");
  REQUIRE(left.checks.size() == 2);
  CHECK(left.checks[1].reason == "COPY_OF_OTHER");
  CHECK(left.checks[1].message.empty());
  // A transfer that ends now brings nothing back.
  REQUIRE_STATUS(rows.database->Transact([&] { return rows.store->CompleteUpload(upload); }),
                 absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND");
  REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> digests, rows.store->ListDigests(contributor));
  CHECK(digests.empty());  // declared, and not one of them ever came
  CHECK(rows.store->Get(rows.Name("st-mary-1")).value().checks[1].message == "a copy");
}

TEST_CASE("What a member ever sent whole is listed, what it only declared is not", "[submission]") {
  Rows rows;
  const std::string contributor = "cooperatives/nordic/contributors/firm";
  REQUIRE_OK(rows.Create("firm", 1));
  const std::string name = rows.Name("firm-1");
  const auto declare = [&](const std::string& weights, bool held) {
    REQUIRE_OK(rows.store->DeclareFiles(
        name,
        {{.path = "model.safetensors", .size_bytes = 3, .digest = Sha256Of(weights)},
         {.path = "tokenizer.json", .size_bytes = 3, .digest = Sha256Of("base's"), .held = held}}));
  };
  declare("first", false);
  CHECK(rows.store->ListDigests(contributor).value().empty());
  REQUIRE_OK_AND_ASSIGN(const UploadRecord upload,
                        rows.store->StartUpload(name, "model.safetensors", kNow));
  REQUIRE_OK(rows.database->Transact([&] { return rows.store->CompleteUpload(upload); }));
  CHECK(rows.store->ListDigests(contributor).value() == std::vector<Digest>{Sha256Of("first")});
  // Declared away: it had been here.
  declare("second", true);
  std::vector<Digest> sent = {Sha256Of("first"), Sha256Of("base's")};
  std::sort(sent.begin(), sent.end());
  CHECK(rows.store->ListDigests(contributor).value() == sent);
  REQUIRE_OK(rows.store->ReleaseWithdrawn(contributor));
  CHECK(rows.store->ListDigests(contributor).value() == sent);
  CHECK(rows.store->ListDigests("cooperatives/nordic/contributors/st-mary").value().empty());
}

TEST_CASE("Who has left is not admitted any more, at once", "[submission]") {
  Rows rows;
  rows.Bring("firm", SubmissionState::kAdmitted);
  rows.Bring("st-mary", SubmissionState::kAdmitted);
  REQUIRE_OK_AND_ASSIGN(const auto before, rows.store->ListAdmitted(kCooperative));
  REQUIRE(before.size() == 2);
  CHECK(before[0].submission == rows.Name("firm-1"));
  REQUIRE(before[0].FindFile("model.safetensors") != nullptr);
  CHECK(*before[0].FindFile("model.safetensors") == Sha256Of(before[0].submission));
  CHECK(before[0].FindFile("config.json") == nullptr);
  REQUIRE_OK(
      rows.database->Transact([&] { return rows.cooperatives->Withdraw("nordic", "firm", kNow); }));
  REQUIRE_OK_AND_ASSIGN(const auto after, rows.store->ListAdmitted(kCooperative));
  REQUIRE(after.size() == 1);
  CHECK(after[0].submission == rows.Name("st-mary-1"));
  CHECK(rows.store->Get(rows.Name("firm-1")).value().state == SubmissionState::kWithdrawn);
}

TEST_CASE("Equal weights are found with others, not with oneself", "[submission]") {
  Rows rows;
  rows.Bring("firm", SubmissionState::kAdmitted);
  REQUIRE_OK(rows.Create("st-mary", 1));
  const Digest weights = Sha256Of("firm");
  REQUIRE_OK_AND_ASSIGN(const auto other,
                        rows.store->FindByWeights(kCooperative, weights, rows.Name("st-mary-1")));
  CHECK(other == std::optional<std::string>(rows.Name("firm-1")));
  REQUIRE_OK_AND_ASSIGN(const auto own,
                        rows.store->FindByWeights(kCooperative, weights, rows.Name("firm-1")));
  CHECK(own == std::nullopt);
}

TEST_CASE("At most two uploads of a contributor are open", "[submission]") {
  Rows rows;
  REQUIRE_OK(rows.Create("st-mary", 1));
  const std::string name = rows.Name("st-mary-1");
  std::vector<SubmissionFile> files;
  for (const char* path : {"a", "b", "c"}) {
    files.push_back({.path = path, .size_bytes = 1, .digest = Sha256Of(path)});
  }
  REQUIRE_OK(rows.database->Transact(
      [&]() -> absl::Status { return rows.store->DeclareFiles(name, files).status(); }));
  REQUIRE_OK_AND_ASSIGN(const UploadRecord a, rows.store->StartUpload(name, "a", kNow));
  REQUIRE_OK(rows.store->StartUpload(name, "b", kNow));
  REQUIRE_OK(rows.store->StartUpload(name, "a", kNow));  // the same one again
  REQUIRE_STATUS(rows.store->StartUpload(name, "c", kNow), absl::StatusCode::kResourceExhausted,
                 "TOO_MANY_UPLOADS");
  REQUIRE_OK(rows.database->Transact([&] { return rows.store->CompleteUpload(a); }));
  REQUIRE_OK(rows.store->StartUpload(name, "c", kNow));
  REQUIRE_STATUS(rows.store->StartUpload(name, "d", kNow), absl::StatusCode::kInvalidArgument,
                 "FILE_NOT_IN_MANIFEST");
}

// One rejected submission with a report, weights and a tokenizer that all arrived.
void Reject(Rows& rows, int number, bool quarantined) {
  const std::string name = rows.Name("st-mary-" + std::to_string(number));
  REQUIRE_OK(rows.Create("st-mary", number));
  const auto file = [&](const std::string& path, int64_t size) {
    return SubmissionFile{
        .path = path, .size_bytes = size, .digest = Sha256Of(path + name), .held = true};
  };
  REQUIRE_OK(rows.database->Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(
        rows.store
            ->DeclareFiles(name, {file("model.safetensors", 10), file("submission.json", 10),
                                  file("tokenizer.json", limits::kEvidenceFileBytesMax + 1)})
            .status());
    RETURN_IF_ERROR(rows.store->StartUpload(name, "submission.json", kNow).status());
    return rows.store->BeginChecking(name);
  }));
  REQUIRE_OK(rows.Decide(name,
                         quarantined ? SubmissionState::kQuarantined : SubmissionState::kRejected,
                         Sha256Of(name)));
  if (!quarantined) return;
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord waiting, rows.store->Get(name));
  for (const SubmissionFile& kept : waiting.files) CHECK(kept.held);
  REQUIRE_OK(rows.database->Transact(
      [&] { return rows.store->DecideQuarantined(name, false, "a copy", "{}", kNow); }));
}

TEST_CASE("Of a rejected submission small reports stay, weights and large files go",
          "[submission]") {
  for (const bool quarantined : {false, true}) {
    Rows rows;
    rows.Bring("firm", SubmissionState::kAdmitted);
    Reject(rows, 1, quarantined);
    REQUIRE_OK_AND_ASSIGN(const SubmissionRecord record, rows.store->Get(rows.Name("st-mary-1")));
    REQUIRE(record.files.size() == 3);
    for (const SubmissionFile& file : record.files) {
      INFO(file.path);
      CHECK(file.held == (file.path == "submission.json"));
    }
    const std::string upload = record.name + "/uploads/" + record.files[1].digest.Hex();
    REQUIRE_STATUS(rows.store->GetUpload(upload), absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND");
  }
}

TEST_CASE("Evidence is kept of the newest rejected submissions only", "[submission]") {
  Rows rows;
  const int count = static_cast<int>(limits::kEvidenceSubmissionsMax) + 3;
  for (int number = 1; number <= count; ++number) Reject(rows, number, false);
  int64_t kept = 0;
  for (int number = 1; number <= count; ++number) {
    REQUIRE_OK_AND_ASSIGN(const SubmissionRecord record,
                          rows.store->Get(rows.Name("st-mary-" + std::to_string(number))));
    for (const SubmissionFile& file : record.files) kept += file.held ? 1 : 0;
  }
  CHECK(kept == limits::kEvidenceSubmissionsMax);
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord last,
                        rows.store->Get(rows.Name("st-mary-" + std::to_string(count))));
  CHECK(last.files[1].held);
}

TEST_CASE("A file arrives only while its submission is being uploaded", "[submission]") {
  Rows rows;
  REQUIRE_OK(rows.Create("st-mary", 1));
  const std::string name = rows.Name("st-mary-1");
  REQUIRE_OK(rows.Declare(name));
  REQUIRE_OK_AND_ASSIGN(const UploadRecord upload,
                        rows.store->StartUpload(name, "model.safetensors", kNow));
  REQUIRE_OK(rows.store->BeginChecking(name));
  REQUIRE_STATUS(rows.database->Transact([&] { return rows.store->CompleteUpload(upload); }),
                 absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai::coordinator
