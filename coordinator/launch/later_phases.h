// What the launch services need from phases that come after them, as functions: a phase knows only
// earlier ones, so coordinator/server wires these. Each is set before the first call.
#ifndef KALAVAI_COORDINATOR_LAUNCH_LATER_PHASES_H_
#define KALAVAI_COORDINATOR_LAUNCH_LATER_PHASES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"

namespace kalavai::coordinator {

struct BaseSummary {
  struct File {
    std::string path;
    int64_t size_bytes = 0;
    Digest digest;
  };
  Digest root_digest;
  std::vector<File> files;
};

struct SubmissionDecision {
  std::string name;  // of the submission
  bool admit = false;
  std::string comment;
  std::string actor;  // Caller::Name()
};

// Of one member that left; as in cooperative.proto.
struct WithdrawalSummary {
  std::string state;  // "MASKED", "ERASED", "RESOLVING", "DONE"
  std::string receipt_envelope;
  int64_t files_deleted = 0;
  std::string masked_model;
  std::string fusion;
  std::string model;
  std::string outcome;
  std::string comment;
  absl::Time withdraw_time;
};

struct LaterPhases {
  // Digests of the documents that a member (a resource name) reported as trained on, with any of
  // its submissions; ascending, each once. coordinator/submission.
  std::function<absl::StatusOr<std::vector<Digest>>(const std::string& contributor)>
      find_training_documents;
  // The base of a cooperative (by id), or nothing. coordinator/checkpoint.
  std::function<absl::StatusOr<std::optional<BaseSummary>>(const std::string& cooperative)>
      find_base;
  // Imports a directory as the base and logs it. Long: called on a worker. coordinator/checkpoint.
  std::function<absl::Status(const std::string& cooperative, const std::string& directory,
                             const std::string& actor)>
      import_base;
  // A transaction of its own; returns the new state's name. coordinator/submission.
  std::function<absl::StatusOr<std::string>(const SubmissionDecision& decision)> decide_submission;
  // A member left (a resource name): withdraws its submissions and masks its experts. Called within
  // the transaction that makes it WITHDRAWN. coordinator/withdrawal.
  std::function<absl::Status(const std::string& contributor, const std::string& actor,
                             const std::string& comment)>
      withdraw_contributor;
  // After that transaction: deletes bytes, signs the receipt, queues the re-solve. Repeatable.
  std::function<absl::Status()> after_withdrawal;
  // What has become of a member's leaving. CONTRIBUTOR_NOT_FOUND when it has not left.
  std::function<absl::StatusOr<WithdrawalSummary>(const std::string& contributor)> find_withdrawal;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_LATER_PHASES_H_
