// Goal: an admitted submission that a later check quarantines has row, leaf and receipt in one.
// Method: a real database and log; the envelope opened with the coordinator's key.
#include "coordinator/submission/verdict_receipt.h"

#include <string>

#include "common/crypto/dsse.h"
#include "common/crypto/receipt.h"
#include "tests/unit/coordinator/submission_rows.h"

namespace kalavai::coordinator {
namespace {

struct Ground {
  CooperativeFixture rows;
  SubmissionStore submissions{*rows.database};
  TransparencyLog log{*rows.database};
  SignedLog signed_log{log, NoteSigner::Create("kalavai/test").value()};
  Audit audit{log, SystemClock()};
  SigningKey key = SigningKey::Create().value();

  absl::Status Quarantine(const std::string& submission) {
    return rows.database->Transact([&] {
      return QuarantineAdmitted(
          {.log = signed_log, .key = key, .clock = SystemClock()}, submissions, audit, submission,
          {kProbeDivergenceCheck, false, "PROBE_DIVERGENCE_NEGATIVE", "-3 %"}, {{"fusion", "f"}});
    });
  }
};

TEST_CASE("A quarantine after admission has its leaf and its receipt", "[submission]") {
  Ground ground;
  const std::string ann =
      AddSubmission(*ground.rows.database, "ann", "law", SubmissionState::kAdmitted);
  REQUIRE_OK(ground.Quarantine(ann));
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord record, ground.submissions.Get(ann));
  CHECK(record.state == SubmissionState::kQuarantined);
  REQUIRE_FALSE(record.checks.empty());
  CHECK(record.checks.back().reason == "PROBE_DIVERGENCE_NEGATIVE");
  REQUIRE_OK_AND_ASSIGN(
      const std::string payload,
      VerifyEnvelope(record.receipt_envelope, ground.key.public_key(), kReceiptType));
  const nlohmann::json receipt = nlohmann::json::parse(payload);
  CHECK(receipt["state"] == "QUARANTINED");
  CHECK(receipt["reason"] == "PROBE_DIVERGENCE_NEGATIVE");
  CHECK(receipt["root_digest"] == Sha256Of("ann").Hex());
  const nlohmann::json leaf = nlohmann::json::parse(receipt["leaf"].get<std::string>());
  CHECK(leaf["action"] == "QUARANTINE_SUBMISSION");
  CHECK(leaf["subject"] == ann);
  CHECK(leaf["fields"]["root_digest"] == Sha256Of("ann").Hex());
  CHECK(leaf["fields"]["fusion"] == "f");

  const int64_t leaves = ground.log.Size().value();
  REQUIRE_STATUS(ground.Quarantine(ann), absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH");
  REQUIRE_STATUS(ground.Quarantine(ann + "0"), absl::StatusCode::kNotFound, "SUBMISSION_NOT_FOUND");
  CHECK(ground.log.Size().value() == leaves);  // nothing of what was refused
}

TEST_CASE("A member with a better one under way can be quarantined, and begins no third",
          "[submission]") {
  Ground ground;
  const std::string ann =
      AddSubmission(*ground.rows.database, "ann", "law", SubmissionState::kAdmitted);
  SubmissionRecord next;
  next.cooperative = "cooperatives/nordic";
  next.name = "cooperatives/nordic/submissions/ann-2";
  next.contributor = "cooperatives/nordic/contributors/ann";
  next.domain = "law";
  next.nonce = "second";
  next.create_time = kNow;
  REQUIRE_OK(ground.submissions.Create(next));
  REQUIRE_OK(ground.Quarantine(ann));
  next.name += "1";
  next.nonce = "third";
  REQUIRE_STATUS(ground.submissions.Create(next), absl::StatusCode::kAlreadyExists,
                 "SUBMISSION_EXISTS");
}

}  // namespace
}  // namespace kalavai::coordinator
