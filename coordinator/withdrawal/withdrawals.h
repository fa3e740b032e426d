// A member leaves (design §6), step by step; each step is saved before the next begins, and each
// can be repeated, so that a coordinator that was killed anywhere finishes when it starts:
//
//   Record    in the transaction that makes the member WITHDRAWN: its files are let go of, its
//             measurement goes, the row is MASKED. From this commit on it is silent in every model.
//   Erase     bytes and everything computed from them are deleted; then log leaf, signed receipt
//             and ERASED in one transaction
//   Advance   the model that is served and names the member is fused again from the arrays of the
//             others (RESOLVING; to judge a mixture of logits they run once more), and released
//             when it meets the guard (DONE). Until then, and where it cannot be (one specialist
//             left, guard not met, the fusion fails: `outcome` says why), the masked model goes on
//             answering.
//
// The receipt is a DSSE envelope by the coordinator's signing key, type kWithdrawalType, over
// canonical JSON (docs/formats/withdrawal.md). Thread-safe; Advance runs one at a time. Errors:
// those of the stores, the hooks, BlobCollector and SignEnvelope.
#ifndef KALAVAI_COORDINATOR_WITHDRAWAL_WITHDRAWALS_H_
#define KALAVAI_COORDINATOR_WITHDRAWAL_WITHDRAWALS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "common/base/clock.h"
#include "common/crypto/receipt.h"
#include "common/crypto/signing_key.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/blob_collector.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/serving/model_store.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/transparency/signed_log.h"
#include "coordinator/withdrawal/withdrawal_store.h"

namespace kalavai::coordinator {

// A fusion without the members that left: the rest of the model that is served.
struct ReSolve {
  std::string cooperative;               // id
  std::vector<std::string> submissions;  // resource names
  uint64_t seed = 0;                     // of the fusion whose model is served, as the next three
  int64_t steps = 0;
  int64_t threads = 0;
  Mixture mixture = Mixture::kProbability;
  std::string masked_model;  // for the log
};

class Withdrawals {
 public:
  // Everything is borrowed and outlives the object.
  struct Parts {
    Database& database;
    const BlobStore& blobs;
    CooperativeStore& cooperatives;
    SubmissionStore& submissions;
    FusionStore& fusions;
    const ModelStore& models;
    WithdrawalStore& withdrawals;
    Audit& audit;
    const SignedLog& log;
    const SigningKey& key;
    const Clock& clock;
  };
  // What other phases do; all must be set.
  struct Hooks {
    // Within the transaction of Record: forgets what the member measured at home.
    std::function<absl::Status(absl::string_view cooperative, absl::string_view contributor)>
        forget_measurement;
    // Deletes what fusions and releases derived from members that have left. Repeatable.
    std::function<absl::Status()> erase_derived;
    // Creates the fusion and queues it; `within` is called in its transaction with its name.
    // FUSION_RUNNING, NOT_ENOUGH_SPECIALISTS and whatever else refuses a fusion.
    std::function<absl::Status(const ReSolve&,
                               const std::function<absl::Status(const std::string&)>& within)>
        start_fusion;
    // Releases a succeeded fusion; `within` is called in its transaction with the model's name.
    std::function<absl::Status(const std::string& fusion,
                               const std::function<absl::Status(const std::string&)>& within)>
        release;
    // Loads a served model again, without the weights of members that have left.
    std::function<void(const std::string& model)> reload;
  };
  Withdrawals(const Parts& parts, Hooks hooks) : parts_(parts), hooks_(std::move(hooks)) {}

  // Within the transaction that makes the contributor (a resource name) WITHDRAWN.
  absl::Status Record(absl::string_view contributor, absl::string_view actor,
                      absl::string_view comment);
  // Every MASKED row to ERASED. Not within Transact.
  absl::Status Erase();
  // Every ERASED and RESOLVING row as far as it can go now: after a withdrawal, when a fusion ends,
  // when the server starts. What fails is logged, and goes on at the next call.
  void Advance();

  absl::StatusOr<WithdrawalRecord> Get(absl::string_view contributor) const;

 private:
  absl::Status EraseOne(WithdrawalRecord record);
  absl::StatusOr<std::vector<WithdrawalReceipt::Submission>> ListSubmissions(
      const WithdrawalRecord& record) const;
  absl::StatusOr<std::string> SignReceipt(const WithdrawalReceipt& receipt);
  absl::Status AdvanceOne(WithdrawalRecord record);
  absl::Status Start(WithdrawalRecord record);
  absl::Status Conclude(WithdrawalRecord record);
  absl::Status SetDone(WithdrawalRecord record, absl::string_view outcome);
  // The cooperative's model that is, or is about to be, served; nothing before a release.
  absl::StatusOr<std::optional<ModelRecord>> Served(absl::string_view cooperative) const;

  const Parts parts_;
  const Hooks hooks_;
  const BlobCollector collector_{parts_.database, parts_.blobs};
  absl::Mutex mutex_;  // one step at a time
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_WITHDRAWAL_WITHDRAWALS_H_
