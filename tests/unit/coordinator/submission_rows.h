// Submissions that have come to a verdict, for tests of what reads them.
#ifndef KALAVAI_TESTS_UNIT_COORDINATOR_SUBMISSION_ROWS_H_
#define KALAVAI_TESTS_UNIT_COORDINATOR_SUBMISSION_ROWS_H_

#include <string>

#include "coordinator/submission/submission_store.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {

// The member's submission `member`-1 of a domain, with three files; returns its name.
inline std::string AddSubmission(Database& database, const std::string& member,
                                 const std::string& domain, SubmissionState state) {
  SubmissionStore store(database);
  SubmissionRecord record;
  record.cooperative = "cooperatives/nordic";
  record.name = "cooperatives/nordic/submissions/" + member + "-1";
  record.contributor = "cooperatives/nordic/contributors/" + member;
  record.domain = domain;
  record.nonce = member;
  record.create_time = kNow;
  REQUIRE_OK(store.Create(record));
  std::vector<SubmissionFile> files;
  for (const char* path : {"config.json", "model.safetensors", "submission.json"}) {
    files.push_back({.path = path, .size_bytes = 3, .digest = Sha256Of(member + path)});
  }
  REQUIRE_OK(store.DeclareFiles(record.name, files));
  REQUIRE_OK(store.BeginChecking(record.name));
  SubmissionVerdict verdict;
  verdict.state = state;
  verdict.root_digest = Sha256Of(member);
  verdict.checks = {{"files", true, "", ""}};
  if (state != SubmissionState::kAdmitted) {
    verdict.checks.push_back({"copy", false, "COPY_OF_OTHER", "a copy"});
  }
  verdict.receipt_envelope = "{}";
  verdict.decide_time = kNow;
  REQUIRE_OK(store.Decide(record.name, verdict));
  return record.name;
}

// As when every file has arrived.
inline void HoldAll(Database& database, const std::string& submission) {
  REQUIRE_OK(
      database.Execute("UPDATE submission_files SET held = 1 WHERE submission = ?", submission));
}

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_UNIT_COORDINATOR_SUBMISSION_ROWS_H_
