// Goal: a member keeps only receipts that say what the coordinator says, and a script learns from
// the exit what was decided. Method: a receipt by hand with one field changed at a time; every
// state of a submission.
#include "contributor/submission/submission_verdict.h"

#include <filesystem>
#include <functional>

#include "absl/strings/match.h"

#include "common/crypto/dsse.h"
#include "common/crypto/signing_key.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

using v1::Submission;

Submission Example(Submission::State state) {
  Submission submission;
  submission.set_name("cooperatives/nordic/submissions/ann-1");
  submission.set_state(state);
  submission.set_root_digest("a0");
  Submission::Check& files = *submission.add_checks();
  files.set_check("files");
  files.set_passed(true);
  return submission;
}

nlohmann::json ReceiptOf(const Submission& submission) {
  return {{"submission", submission.name()},
          {"state", Submission::State_Name(submission.state())},
          {"root_digest", submission.root_digest()}};
}

TEST_CASE("A receipt is kept when it is the coordinator's and of this verdict", "[contributor]") {
  const testing::TempDir temp;
  const Workspace workspace(temp.File("home"));
  REQUIRE_OK(workspace.Create());
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const SigningKey other, SigningKey::Create());
  Submission submission = Example(Submission::ADMITTED);
  const auto save = [&](const nlohmann::json& receipt, const SigningKey& signer,
                        const char* signed_root = "") {
    submission.set_receipt_envelope(SignEnvelope(signer, kReceiptType, receipt.dump()).value());
    return SaveReceipt(workspace, key.public_key(), submission, signed_root);
  };
  const auto refused = absl::StatusCode::kPermissionDenied;
  REQUIRE_STATUS(save(ReceiptOf(submission), other), refused, "KEY_MISMATCH");
  const std::function<void(nlohmann::json&)> changes[] = {
      [](nlohmann::json& r) { r["submission"] = "cooperatives/nordic/submissions/bo-1"; },
      [](nlohmann::json& r) { r["state"] = "REJECTED"; },
      [](nlohmann::json& r) { r["root_digest"] = "b0"; }};
  for (const auto& change : changes) {
    nlohmann::json receipt = ReceiptOf(submission);
    change(receipt);
    INFO(receipt.dump());
    REQUIRE_STATUS(save(receipt, key), refused, "SIGNATURE_INVALID");
  }
  // All of one mind, and yet of other files than were sent.
  REQUIRE_STATUS(save(ReceiptOf(submission), key, "b0"), refused, "SIGNATURE_INVALID");
  CHECK_FALSE(std::filesystem::exists(workspace.ReceiptsDirectory() + "/ann-1.json"));
  REQUIRE_OK_AND_ASSIGN(const SavedReceipt saved, save(ReceiptOf(submission), key, "a0"));
  CHECK(saved.payload == ReceiptOf(submission));
  const std::string& path = saved.path;
  CHECK(path == workspace.ReceiptsDirectory() + "/ann-1.json");
  CHECK(testing::ReadFile(path) == submission.receipt_envelope() + "\n");
  // After a withdrawal the receipt of the verdict is still the receipt.
  submission.set_state(Submission::WITHDRAWN);
  REQUIRE_OK(save(ReceiptOf(Example(Submission::ADMITTED)), key));
}

TEST_CASE("Only an admitted submission is a success, and the first failed check is the reason",
          "[contributor]") {
  REQUIRE_OK(VerdictStatus(Example(Submission::ADMITTED)));
  const auto refused = absl::StatusCode::kFailedPrecondition;
  REQUIRE_STATUS(VerdictStatus(Example(Submission::WITHDRAWN)), refused, "SUBMISSION_NOT_ADMITTED");
  for (const auto state : {Submission::QUARANTINED, Submission::REJECTED}) {
    Submission submission = Example(state);
    for (const char* reason : {"COPY_OF_OTHER", "LINEAGE_MISMATCH"}) {
      Submission::Check& check = *submission.add_checks();
      check.set_check("copy");
      check.set_reason(reason);
      check.set_message("found elsewhere");
    }
    const absl::Status status = VerdictStatus(submission);
    REQUIRE_STATUS(status, refused, "COPY_OF_OTHER");
    CHECK(absl::StrContains(status.message(), Submission::State_Name(state)));
    CHECK(absl::StrContains(DescribeChecks(submission), "ok     files\n"));
    CHECK(absl::StrContains(DescribeChecks(submission), "FAILED copy  COPY_OF_OTHER: found"));
    CHECK(ToJson(submission)["checks"].size() == 3);
    CHECK(ToJson(submission)["checks"][1]["passed"] == false);
  }
}

TEST_CASE("Waiting ends exactly at a decision", "[contributor]") {
  struct Case {
    Submission::State state;
    bool decided;
  };
  for (const Case& row : {Case{Submission::STATE_UNSPECIFIED, false},
                          Case{Submission::UPLOADING, false}, Case{Submission::CHECKING, false},
                          Case{Submission::ADMITTED, true}, Case{Submission::QUARANTINED, true},
                          Case{Submission::REJECTED, true}, Case{Submission::WITHDRAWN, true}}) {
    INFO(Submission::State_Name(row.state));
    CHECK(IsDecided(row.state) == row.decided);
  }
}

TEST_CASE("A divergence that was not measured is absent, not zero", "[contributor]") {
  Submission submission = Example(Submission::ADMITTED);
  CHECK_FALSE(ToJson(submission).contains("divergence_percent"));
  submission.set_divergence_percent(-1.5);
  CHECK(ToJson(submission)["divergence_percent"] == -1.5);
}

}  // namespace
}  // namespace kalavai::contributor
