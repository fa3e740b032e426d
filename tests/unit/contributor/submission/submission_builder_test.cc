// Goal: the signed directory binds what was trained to who submits it, and appears whole or not at
// all. Method: a workspace with small files in the places of base and specialist; one thing missing
// at a time.
#include "contributor/submission/submission_builder.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "nlohmann/json.hpp"

#include "common/crypto/model_signature.h"
#include "common/crypto/signing_key.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

namespace fs = std::filesystem;

struct Member {
  Member() : workspace(temp.File("home")), key(SigningKey::Create().value()) {
    REQUIRE_OK(workspace.Create());
    REQUIRE_OK(key.SaveToFile(workspace.SigningKeyFile()));
    fs::create_directories(workspace.BaseDirectory());
    fs::create_directories(workspace.SpecialistDirectory());
    testing::WriteFile(workspace.BaseDirectory() + "/tokenizer.json", "the base's");
    testing::WriteFile(workspace.BaseDirectory() + "/config.json", "{}");
    testing::WriteFile(workspace.BaseDirectory() + "/model.safetensors", "old");
    testing::WriteFile(workspace.SpecialistDirectory() + "/tokenizer.json", "another");
    testing::WriteFile(workspace.SpecialistDirectory() + "/config.json", "{\"a\":1}");
    testing::WriteFile(workspace.SpecialistDirectory() + "/model.safetensors", "weights");
    REQUIRE_OK(workspace.SaveTrainingReport(Report()));
    ticket.membership.cooperative = "cooperatives/nordic";
    ticket.membership.contributor = "cooperatives/nordic/contributors/ann";
    ticket.membership.domain = "law";
    ticket.membership.coordinator = "coop.example:50051";
    ticket.membership.base_digest =
        RootDigest(EnumerateDirectory(workspace.BaseDirectory()).value()).Hex();
    ticket.membership.freeze_depth = 2;
    ticket.membership.chunk_tokens = 64;
    ticket.membership.authority_fingerprint = std::string(64, 'f');
    REQUIRE_OK(workspace.SaveMembership(ticket.membership));
    ticket.coordinator_key_hint = std::string(64, 'c');
    ticket.nonce = std::string(64, '7');
  }

  static TrainingReport Report() {
    return {.base_loss = 4, .own_loss = 3, .held_out_tokens = 1000, .steps = 50, .pilot = false};
  }

  testing::TempDir temp;
  Workspace workspace;
  SigningKey key;
  SubmissionTicket ticket;
};

TEST_CASE("The directory holds the specialist, the base's tokenizer and signed reports",
          "[contributor]") {
  Member member;
  REQUIRE_OK_AND_ASSIGN(const BuiltSubmission built,
                        BuildSubmission(member.workspace, member.ticket));
  const std::string& directory = built.directory;
  CHECK(testing::ReadFile(directory + "/model.safetensors") == "weights");
  CHECK(testing::ReadFile(directory + "/config.json") == "{\"a\":1}");
  CHECK(testing::ReadFile(directory + "/tokenizer.json") == "the base's");
  REQUIRE_OK_AND_ASSIGN(const ModelManifest manifest,
                        VerifyDirectory(directory, member.key.public_key()));
  CHECK(manifest.root_digest == built.root_digest);
  CHECK(built.divergence_percent == 25);
  REQUIRE(built.files.size() == 7);
  int64_t bytes = 0;
  for (const BuiltFile& file : built.files) {
    INFO(file.path);
    CHECK(file.digest == Sha256OfFile(directory + "/" + file.path).value());
    CHECK(file.size_bytes == static_cast<int64_t>(fs::file_size(directory + "/" + file.path)));
    bytes += file.size_bytes;
  }
  CHECK(built.TotalBytes() == bytes);
  CHECK(std::is_sorted(built.files.begin(), built.files.end(),
                       [](const BuiltFile& a, const BuiltFile& b) { return a.path < b.path; }));
  CHECK_FALSE(fs::exists(member.workspace.SubmissionPartialDirectory()));
}

TEST_CASE("The reports bind coordinator, member, nonce, base and measured losses",
          "[contributor]") {
  const Member member;
  const auto binding = nlohmann::json::parse(FormatSubmissionJson(member.ticket, Member::Report()));
  CHECK(binding["coordinator_key_hint"] == member.ticket.coordinator_key_hint);
  CHECK(binding["cooperative"] == "cooperatives/nordic");
  CHECK(binding["contributor"] == "cooperatives/nordic/contributors/ann");
  CHECK(binding["nonce"] == member.ticket.nonce);
  CHECK(binding["base_digest"] == member.ticket.membership.base_digest);
  CHECK(binding["freeze_depth"] == 2);
  const auto divergence =
      nlohmann::json::parse(FormatDivergenceJson(member.ticket.membership, Member::Report()));
  CHECK(divergence["domain"] == "law");
  CHECK(divergence["base_loss"] == 4);
  CHECK(divergence["own_loss"] == 3);
  CHECK(divergence["divergence_percent"] == 25);
  CHECK(divergence["held_out_tokens"] == 1000);
}

TEST_CASE("Building again replaces the directory whole", "[contributor]") {
  Member member;
  REQUIRE_OK_AND_ASSIGN(const BuiltSubmission first,
                        BuildSubmission(member.workspace, member.ticket));
  testing::WriteFile(first.directory + "/forgotten.txt", "x");
  fs::create_directories(member.workspace.SubmissionPartialDirectory());
  testing::WriteFile(member.workspace.SubmissionPartialDirectory() + "/half", "x");
  member.ticket.nonce = std::string(64, '8');
  REQUIRE_OK_AND_ASSIGN(const BuiltSubmission second,
                        BuildSubmission(member.workspace, member.ticket));
  CHECK(second.root_digest != first.root_digest);
  CHECK(second.files.size() == 7);
  CHECK_FALSE(fs::exists(second.directory + "/forgotten.txt"));
}

TEST_CASE("What is not ready to submit is not built", "[contributor]") {
  struct Case {
    const char* what;
    std::function<void(Member&)> spoil;
    absl::StatusCode code;
    const char* reason;
  };
  const auto early = absl::StatusCode::kFailedPrecondition;
  const Case cases[] = {
      {"a pilot only",
       [](Member& m) {
         TrainingReport pilot = Member::Report();
         pilot.pilot = true;
         REQUIRE_OK(m.workspace.SaveTrainingReport(pilot));
       },
       early, "NOT_TRAINED"},
      {"nothing trained", [](Member& m) { fs::remove(m.workspace.TrainingReportFile()); }, early,
       "NOT_TRAINED"},
      {"no specialist", [](Member& m) { fs::remove_all(m.workspace.SpecialistDirectory()); }, early,
       "NOT_TRAINED"},
      {"a base that is not the charter's any more",
       [](Member& m) { testing::WriteFile(m.workspace.BaseDirectory() + "/config.json", "[]"); },
       early, "BASE_MISMATCH"},
      {"no base", [](Member& m) { fs::remove_all(m.workspace.BaseDirectory()); }, early,
       "CHECKPOINT_NOT_FETCHED"},
  };
  for (const Case& row : cases) {
    INFO(row.what);
    Member member;
    row.spoil(member);
    REQUIRE_STATUS(BuildSubmission(member.workspace, member.ticket), row.code, row.reason);
    CHECK_FALSE(fs::exists(member.workspace.SubmissionDirectory() + "/model.sig"));
  }
}

TEST_CASE("Privacy is what was measured, or the statement that nothing was", "[contributor]") {
  const Member member;
  REQUIRE_OK_AND_ASSIGN(const std::string nothing, PrivacyJson(member.workspace));
  CHECK(nlohmann::json::parse(nothing)["audited"] == false);
  const std::string audited = "{\"audited\":true}";
  testing::WriteFile(member.workspace.PrivacyReportFile(), audited);
  CHECK(PrivacyJson(member.workspace).value() == audited);
  testing::WriteFile(member.workspace.PrivacyReportFile(), "{\"audited\":");
  REQUIRE_STATUS(PrivacyJson(member.workspace), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
}

}  // namespace
}  // namespace kalavai::contributor
