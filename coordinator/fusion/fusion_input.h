// What a fusion works on, checked before any compute: at least two admitted specialists, a base,
// probe text or gate statistics for the domain of every specialist, probe text for one domain at
// least, nothing quarantined. A domain of the charter that has neither a specialist nor probe text
// is left out of every figure, and so is a public class.
//
// Experts stand in a fixed order, the base, then the submissions by name: sums over them are the
// same bits in every run.
// Errors: those of the stores, and
//   FAILED_PRECONDITION NOT_ENOUGH_SPECIALISTS   fewer than two
//   FAILED_PRECONDITION SUBMISSION_NOT_ADMITTED  a named submission is not admitted: quarantined,
//                                                rejected, superseded or withdrawn
//   FAILED_PRECONDITION PROBE_TEXT_MISSING       metadata `domains`
//   INVALID_ARGUMENT    FIELD_INVALID            steps or threads out of range, a name twice
// Reads the stores only. Any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_INPUT_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_INPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/base/limits.h"
#include "common/storage/blob_store.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/fusion/fusion_report.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/model_directory.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

// The rows a fusion is planned from. References must outlive it.
struct FusionSources {
  CooperativeStore& cooperatives;
  CheckpointStore& checkpoints;
  SubmissionStore& submissions;
};

struct FusionWish {
  std::string cooperative;               // id
  std::vector<std::string> submissions;  // resource names; empty: every admitted one
  uint64_t seed = 0;
  int64_t steps = limits::kFusionStepsDefault;
  int64_t threads = 1;
  Mixture mixture = Mixture::kProbability;
  std::vector<ReferenceModel> references = {};  // checked: CheckReferenceModels
  // Named submissions may have been superseded: a fusion that was begun goes on with what it has.
  bool superseded = false;
  // Whose samples (ids, ascending) are read, of those that are there; nothing: everybody's.
  std::optional<std::vector<std::string>> samples = {};
};

struct FusionPlan {
  ReportInputs inputs;                              // probe_digest still empty
  std::vector<FusionExpert> experts;                // [n], the base first
  std::vector<std::vector<BlobFile>> expert_files;  // [n]
  // [n] of the members whose domain has no probe text: their gate statistics' digest.
  std::vector<std::optional<Digest>> statistics;
  std::vector<ProbeTextRow> probe_texts;  // by domain
  std::vector<std::string> samples;       // ids of the members that shared some of it
};

absl::StatusOr<FusionPlan> PlanFusion(const FusionSources& sources, const FusionWish& wish);

// NOT_FOUND BLOB_NOT_FOUND unless every byte the plan names is in the store.
absl::Status CheckBytes(const BlobStore& blobs, const FusionPlan& plan);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_INPUT_H_
