// After the probe pass: a specialist that is no better than the base on its own domain's probe text
// is not fused, whatever its signed report says (design §6), until an administrator decides.
//
//   divergence = 100 · (B − L) / B, on the router part: the evaluation part judges, it does not
//   choose. A domain without probe text is not measured here.
//
// One transaction: every such specialist QUARANTINED with its leaf and a new receipt, and the
// fusion either planned again without them or, with fewer than two left, FAILED. A coordinator that
// is killed before it screens again and finds the same; after it there is nothing left to find.
//
// One that an administrator admitted after such a quarantine stands: the decision was made knowing
// the figure.
// Errors: FAILED_PRECONDITION PROBE_DIVERGENCE_NEGATIVE (metadata `submission`: those quarantined)
// when the fusion failed, or when the specialist was superseded, so that there is nothing to decide
// about; those of PlanFusion and the stores. On the worker's thread.
#ifndef KALAVAI_COORDINATOR_FUSION_SPECIALIST_SCREENING_H_
#define KALAVAI_COORDINATOR_FUSION_SPECIALIST_SCREENING_H_

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

#include "common/base/clock.h"
#include "common/probe/probe_cache.h"
#include "common/probe/probe_text.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/fusion/fusion_input.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

// Of every expert, percent; nothing for the base and where the domain has no probe text. `caches`:
// one an expert, the base first.
std::vector<std::optional<double>> ProbeDivergences(const ProbeText& probe,
                                                    std::span<const FusionExpert> experts,
                                                    std::span<const ProbeCache> caches);

// Whether `record` was admitted by an administrator after a fusion had quarantined it.
bool AdmittedDespiteProbe(const SubmissionRecord& record);

// Of coordinator/submission: an admitted submission becomes QUARANTINED with its leaf, which gets
// the fields of `evidence`, and a new receipt, within the caller's transaction. PHASE_MISMATCH when
// it is not ADMITTED.
using Quarantine = std::function<absl::Status(
    const std::string& submission, const CheckResult& check, const nlohmann::json& evidence)>;

class SpecialistScreening {
 public:
  // References must outlive it. `plan_again`: from a fusion's row; called within the transaction.
  struct Dependencies {
    Database& database;
    SubmissionStore& submissions;
    FusionStore& fusions;
    Audit& audit;
    const Clock& clock;
    Quarantine quarantine;
    std::function<absl::StatusOr<FusionPlan>(const FusionRecord&)> plan_again;
  };
  explicit SpecialistScreening(const Dependencies& dependencies) : dependencies_(dependencies) {}

  // The positions, ascending, of the experts the fusion goes on without; empty: nothing changed.
  // Otherwise the fusion's row has changed.
  absl::StatusOr<std::vector<size_t>> Screen(const FusionRecord& fusion,
                                             std::span<const std::optional<double>> divergences);

 private:
  struct Finding {
    size_t expert = 0;
    SubmissionRecord record;
    double percent = 0;
  };
  absl::StatusOr<std::vector<Finding>> Find(
      const FusionRecord& fusion, std::span<const std::optional<double>> divergences) const;
  absl::Status Write(const FusionRecord& fusion, const std::vector<Finding>& findings);
  absl::Status GoOnWithout(FusionRecord fusion, const std::vector<Finding>& findings);

  const Dependencies dependencies_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_SPECIALIST_SCREENING_H_
