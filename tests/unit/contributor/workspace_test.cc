// Goal: a member's directory is private, counts only when it is complete, and says what to do next
// when something is missing.
// Method: real directories; round trips; a table of damaged files.
#include "contributor/workspace.h"

#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "common/crypto/model_signature.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

using kalavai::testing::TempDir;
using kalavai::testing::WriteFile;

Membership Example() {
  return {.coordinator = "localhost:7443",
          .cooperative = "cooperatives/nordic",
          .contributor = "cooperatives/nordic/contributors/st-mary",
          .domain = "medical",
          .base_digest = std::string(64, 'a'),
          .freeze_depth = 2,
          .chunk_tokens = 256,
          .authority_fingerprint = std::string(64, 'b')};
}

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

TEST_CASE("A new workspace and what it holds are closed to others", "[contributor]") {
  TempDir temp;
  const Workspace workspace(temp.File("w"));
  REQUIRE_OK(workspace.Create());
  REQUIRE_OK(workspace.Create());
  REQUIRE_OK(workspace.SaveMembership(Example()));
  CHECK(ModeOf(workspace.root()) == 0700);
  CHECK(ModeOf(workspace.ReceiptsDirectory()) == 0700);
  CHECK(ModeOf(workspace.MemberFile()) == 0600);
}

TEST_CASE("A directory in which others may write is no workspace", "[contributor]") {
  for (const mode_t mode : {0770u, 0702u, 0777u}) {
    for (const char* part : {"", "/keys", "/tls"}) {
      TempDir temp;
      const Workspace workspace(temp.File("w"));
      REQUIRE_OK(workspace.Create());
      REQUIRE(chmod((workspace.root() + part).c_str(), mode) == 0);
      INFO(part << " " << mode);
      REQUIRE_STATUS(workspace.Create(), absl::StatusCode::kPermissionDenied, "KEY_FILE_MODE");
    }
  }
}

TEST_CASE("A membership survives the disk unchanged", "[contributor]") {
  TempDir temp;
  const Workspace workspace(temp.path());
  REQUIRE_OK(workspace.SaveMembership(Example()));
  REQUIRE_OK_AND_ASSIGN(const Membership member, workspace.LoadMembership());
  CHECK(member.coordinator == "localhost:7443");
  CHECK(member.CooperativeId() == "nordic");
  CHECK(member.ContributorId() == "st-mary");
  CHECK(member.domain == "medical");
  CHECK(member.base_digest == Example().base_digest);
  CHECK(member.freeze_depth == 2);
  CHECK(member.chunk_tokens == 256);
  CHECK(member.authority_fingerprint == Example().authority_fingerprint);
}

TEST_CASE("An empty workspace names the step that is missing", "[contributor]") {
  TempDir temp;
  const Workspace workspace(temp.path());
  const auto code = absl::StatusCode::kFailedPrecondition;
  CHECK_FALSE(workspace.HasJoined());
  REQUIRE_STATUS(workspace.LoadMembership(), code, "NOT_JOINED");
  REQUIRE_STATUS(workspace.VerifiedBase(), code, "CHECKPOINT_NOT_FETCHED");
  REQUIRE_STATUS(workspace.TrainedSpecialist(), code, "NOT_TRAINED");
  REQUIRE_STATUS(workspace.LoadTrainingReport(), code, "NOT_TRAINED");
}

TEST_CASE("A base that is still arriving is not a base", "[contributor]") {
  TempDir temp;
  const Workspace workspace(temp.path());
  std::filesystem::create_directory(workspace.BasePartialDirectory());
  WriteFile(workspace.BasePartialDirectory() + "/config.json", "{}");
  REQUIRE_STATUS(workspace.VerifiedBase(), absl::StatusCode::kFailedPrecondition,
                 "CHECKPOINT_NOT_FETCHED");
  std::filesystem::rename(workspace.BasePartialDirectory(), workspace.BaseDirectory());
  CHECK(workspace.HasBase());
  REQUIRE_STATUS(workspace.VerifiedBase(), absl::StatusCode::kFailedPrecondition, "NOT_JOINED");
}

TEST_CASE("A base is verified byte for byte each time it is used", "[contributor]") {
  TempDir temp;
  const Workspace workspace(temp.path());
  std::filesystem::create_directory(workspace.BaseDirectory());
  WriteFile(workspace.BaseDirectory() + "/config.json", "{}");
  Membership member = Example();
  member.base_digest = RootDigest({{{"config.json", Sha256Of("{}")}}}).Hex();
  REQUIRE_OK(workspace.SaveMembership(member));
  REQUIRE_OK_AND_ASSIGN(const std::string base, workspace.VerifiedBase());
  CHECK(base == workspace.BaseDirectory());
  const auto code = absl::StatusCode::kFailedPrecondition;
  WriteFile(workspace.BaseDirectory() + "/config.json", "{ }");
  REQUIRE_STATUS(workspace.VerifiedBase(), code, "BASE_MISMATCH");
  WriteFile(workspace.BaseDirectory() + "/config.json", "{}");
  WriteFile(workspace.BaseDirectory() + "/more.json", "{}");
  REQUIRE_STATUS(workspace.VerifiedBase(), code, "BASE_MISMATCH");
}

TEST_CASE("A training report gives the divergence and refuses what is no loss", "[contributor]") {
  TempDir temp;
  const Workspace workspace(temp.path());
  REQUIRE_OK(workspace.SaveTrainingReport(
      {.base_loss = 4.0, .own_loss = 3.4, .held_out_tokens = 1000, .steps = 50, .pilot = true}));
  REQUIRE_OK_AND_ASSIGN(const TrainingReport report, workspace.LoadTrainingReport());
  CHECK(report.pilot);
  CHECK(report.steps == 50);
  REQUIRE_NEAR(report.DivergencePercent(), 15.0, 1e-12);
  CHECK(report.improvement_standard_error == 0);
  REQUIRE_OK(workspace.SaveTrainingReport({.base_loss = 4.0,
                                           .own_loss = 3.4,
                                           .held_out_tokens = 1000,
                                           .improvement_standard_error = 0.125}));
  CHECK(workspace.LoadTrainingReport()->improvement_standard_error == 0.125);
  // As before there was such a field.
  WriteFile(workspace.TrainingReportFile(),
            R"({"base_loss":4,"own_loss":3,"held_out_tokens":9,"steps":1,"pilot":false})");
  CHECK(workspace.LoadTrainingReport()->improvement_standard_error == 0);

  struct Case {
    const char* text;
    const char* reason;
  };
  const Case cases[] = {
      {R"({"base_loss":0,"own_loss":3,"held_out_tokens":9,"steps":1,"pilot":false})",
       "MEASUREMENT_INVALID"},
      {R"({"base_loss":4,"own_loss":-3,"held_out_tokens":9,"steps":1,"pilot":false})",
       "MEASUREMENT_INVALID"},
      {R"({"base_loss":4,"own_loss":3,"held_out_tokens":9,"steps":1,"pilot":false,)"
       R"("improvement_standard_error":-1})",
       "MEASUREMENT_INVALID"},
      {R"({"base_loss":4,"own_loss":3,"held_out_tokens":0,"steps":1,"pilot":false})",
       "MEASUREMENT_INVALID"},
      {R"({"base_loss":4,"own_loss":3,"held_out_tokens":9,"steps":1})", "JSON_INVALID"},
      {R"({"base_loss":"4","own_loss":3,"held_out_tokens":9,"steps":1,"pilot":false})",
       "JSON_INVALID"},
      {"", "JSON_INVALID"},
  };
  for (const Case& broken : cases) {
    INFO(broken.text);
    WriteFile(workspace.TrainingReportFile(), broken.text);
    REQUIRE_STATUS(workspace.LoadTrainingReport(), absl::StatusCode::kInvalidArgument,
                   broken.reason);
  }
}

TEST_CASE("A damaged member.json is an error, never a new start", "[contributor]") {
  TempDir temp;
  const Workspace workspace(temp.path());
  WriteFile(workspace.MemberFile(), R"({"coordinator":"localhost:1"})");
  CHECK(workspace.HasJoined());
  REQUIRE_STATUS(workspace.LoadMembership(), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
}

}  // namespace
}  // namespace kalavai::contributor
