// Rows of phase 5: fusions, the experts each mixes, the losses each measured. All SQL of the phase.
//
// A fusion moves QUEUED → PROBING → TRAINING_ROUTER → EVALUATING → SUCCEEDED; from each of the
// first four it may move to FAILED. A final fusion never changes. A cooperative runs one at a time
// (a unique index sees to it).
//
// Names are resource names. Methods join the caller's Database::Transact when
// there is one. Any thread.
// Errors: those of Database, and
//   ALREADY_EXISTS FUSION_EXISTS   Create: the id is taken
//   ABORTED        FUSION_RUNNING  Create: another fusion of the cooperative is not final
//   NOT_FOUND      FUSION_NOT_FOUND
//   NOT_FOUND      EVALUATION_MISSING  LatestLossMatrix: nothing has been measured
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_STORE_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/router/router_parameters.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

enum class FusionState {
  kQueued,
  kProbing,         // base and specialists read the probe text once each
  kTrainingRouter,  // ridge prior, then the AdamW steps
  kEvaluating,      // figures and report
  kSucceeded,
  kFailed,
};
absl::string_view FusionStateName(FusionState state);  // "QUEUED", …: as in fusion.proto
bool IsFinal(FusionState state);

// FAILED_PRECONDITION MODEL_HAS_WITHDRAWN_MEMBER, for a fusion or model that mixes a specialist
// whose member has left. `what` names it.
absl::Status HasWithdrawnMember(absl::string_view what);

// A model inside a fusion. Expert 0 is the base: submission and contributor are empty, domain too.
struct FusionExpert {
  std::string submission;   // cooperatives/{c}/submissions/{s}
  std::string contributor;  // cooperatives/{c}/contributors/{contributor}
  std::string domain;
  Digest root_digest;  // of the base or of the signed submission

  bool operator==(const FusionExpert&) const = default;
};

// A model the report compares with: measured like an expert, never part of the mixture.
struct ReferenceModel {
  std::string label;
  std::string directory;  // on this machine
  Digest root_digest;     // OMS, of the checkpoint's files when the fusion was created
};

struct FusionProgress {
  int64_t done = 0;
  int64_t total = 0;
  std::string unit;  // "models", "steps"
};

struct FusionFigures {
  double fused_loss = 0;  // EW(fused), nats/token
  double gain_percent = 0;
  double oracle_gain_percent = 0;
  double oracle_gap_nats = 0;                     // EW(fused) − EW(oracle), nats/token
  std::optional<double> divergence_percent = {};  // mean over specialists
  bool guard_met = false;
  Digest router_digest;  // of router.safetensors
  Digest report_digest;  // of report.json
  std::string report_json;
  std::string report_markdown;
};

struct FusionRecord {
  std::string name;         // cooperatives/{c}/fusions/{f}
  std::string cooperative;  // cooperatives/{c}
  uint64_t seed = 0;
  int64_t steps = 500;
  int64_t threads = 1;
  Mixture mixture = Mixture::kProbability;
  bool weight_average = false;  // measured for the report: one more pass
  FusionState state = FusionState::kQueued;
  FusionProgress progress;
  std::string failure_reason;
  std::string failure_message;
  std::string input_json;  // FusionInputJson: every input by digest
  std::vector<FusionExpert> experts;
  std::vector<ReferenceModel> references;
  std::vector<std::string> samples = {};  // ids of the members whose samples it reads, ascending
  absl::Time create_time;
  std::optional<absl::Time> end_time = {};
  std::optional<FusionFigures> figures = {};  // set when SUCCEEDED
};

// What a fusion measured: rows are its experts (base first), columns the domains.
struct MeasuredLosses {
  std::vector<std::string> domains;
  std::vector<int64_t> tokens;            // predictions behind each column
  std::vector<FusionExpert> experts;      // one a row
  std::vector<std::vector<double>> loss;  // [expert][domain], nats/token
};

// A finished fusion as a point for the gain line.
struct FinishedFusion {
  std::string name;
  int64_t specialists = 0;
  double divergence_percent = 0;
  double gain_percent = 0;
};

class FusionStore {
 public:
  explicit FusionStore(Database& database) : database_(database) {}

  // Inserts row, experts and reference models in state QUEUED.
  absl::Status Create(const FusionRecord& fusion);
  absl::StatusOr<FusionRecord> Get(absl::string_view name) const;
  // By creation, oldest first; those after the fusion `after` (empty: from the start), at most
  // `limit`.
  absl::StatusOr<std::vector<FusionRecord>> List(absl::string_view cooperative,
                                                 absl::string_view after, int64_t limit) const;
  // Of every cooperative, not final, oldest first: what a restarted coordinator goes on with.
  absl::StatusOr<std::vector<FusionRecord>> ListUnfinished() const;
  // Those that mix a specialist or read a sample of a member that has left, oldest first.
  absl::StatusOr<std::vector<FusionRecord>> ListOfWithdrawn() const;
  // Of one fusion, the root digests of specialists whose members have left.
  absl::StatusOr<std::vector<Digest>> ListWithdrawnExperts(absl::string_view name) const;
  // Whether it is one of ListOfWithdrawn.
  absl::StatusOr<bool> HasWithdrawn(absl::string_view name) const;
  // Whether one of its samples is of a member that has left.
  absl::StatusOr<bool> HasWithdrawnSample(absl::string_view name) const;
  // "fusion-1", "fusion-2", …: the first that is free.
  absl::StatusOr<std::string> NextId(absl::string_view cooperative) const;

  // The experts and inputs of an unfinished fusion are those of `fusion`, without `screened`, which
  // stay on record for what was measured of them. PHASE_MISMATCH when it is final.
  absl::Status Replan(const FusionRecord& fusion, const std::vector<FusionExpert>& screened);
  // Root digests of specialists that any fusion screened and whose members have left, and of those
  // that fusions screened which read a sample of a member that has left: each has probe arrays.
  absl::StatusOr<std::vector<Digest>> ListScreenedOfWithdrawn() const;

  // FAILED_PRECONDITION PHASE_MISMATCH when the fusion is final already.
  absl::Status SetState(absl::string_view name, FusionState state, const FusionProgress& progress);
  absl::Status SetFailed(absl::string_view name, absl::string_view reason,
                         absl::string_view message, absl::Time now);
  // EVALUATING → SUCCEEDED, with its figures and losses; PHASE_MISMATCH from any other state, and
  // FAILED_PRECONDITION SUBMISSION_NOT_ADMITTED when a member of it has left meanwhile.
  absl::Status SetSucceeded(absl::string_view name, const FusionFigures& figures,
                            const MeasuredLosses& losses, absl::Time now);

  absl::StatusOr<MeasuredLosses> GetLossMatrix(absl::string_view name) const;
  // The matrix of the newest succeeded fusion, and its id.
  struct LatestMatrix {
    std::string fusion;
    MeasuredLosses losses;
  };
  absl::StatusOr<LatestMatrix> LatestLossMatrix(absl::string_view cooperative) const;
  // Submissions that only one of the two has: the fusion's experts, and what is admitted now.
  // Empty: the fusion has measured what would be fused today.
  absl::StatusOr<std::vector<std::string>> ChangedSince(absl::string_view fusion) const;
  // Succeeded fusions of all cooperatives whose divergence is known, oldest first, of those of the
  // same specialists the newest; the database remembers them (migrations/0009_calibration.sql)
  // whatever becomes of the fusions.
  absl::StatusOr<std::vector<FinishedFusion>> ListFinished() const;

 private:
  absl::StatusOr<std::vector<FusionExpert>> Experts(absl::string_view name) const;
  absl::Status InsertExperts(const FusionRecord& fusion);
  absl::Status ReadLists(FusionRecord& fusion) const;  // experts and reference models

  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_STORE_H_
