// The report of a fusion, for machines (report.json) and for people (Markdown). The format is
// docs/formats/fusion_report.md.
//
// report.json holds no time, no fusion name and no path: the same inputs and seed give the same
// bytes, and its SHA-256 is the report digest of the released model. The page is made from the same
// figures. Pure functions, any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_REPORT_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/router/member_statistics.h"
#include "common/router/router_parameters.h"
#include "common/router/router_training.h"
#include "coordinator/fusion/fusion_figures.h"
#include "coordinator/fusion/fusion_store.h"

namespace kalavai::coordinator {

struct ReportExpert {
  std::string label;        // "base", or the contributor's id
  std::string submission;   // resource name; "" for the base
  std::string contributor;  // resource name; "" for the base
  std::string domain;       // "" for the base
  std::string root_digest;  // hex
  // Of the gate statistics that stand for the member's domain, hex; "" where there is probe text.
  std::string statistics_digest = {};
  std::optional<StatisticsNoise> statistics_noise = {};  // that the member added to them
  // By the member's signed report, on its own held-out text; part of what root_digest covers.
  std::optional<double> stated_divergence_percent = {};
};

// A model measured beside the mixture, never part of it.
struct ReportReference {
  std::string label;
  std::string root_digest;  // hex
};

// A submission that was left out, and why.
struct LeftOut {
  std::string submission;
  std::string contributor;
  std::string domain;
  std::string state;        // "QUARANTINED", …
  std::string reason;       // of the first check it failed since it was last admitted; may be empty
  std::string detail = {};  // divergence measured and stated, where that is why
};

// Everything the figures depend on.
struct ReportInputs {
  std::string cooperative;
  std::string base_digest;     // OMS root digest, hex
  std::string charter_digest;  // SHA-256 of the charter's envelope, hex
  std::string probe_digest;    // ProbeText::digest
  std::vector<ReportExpert> experts;
  std::vector<ReportReference> references;  // in the order of FusionOutcome::references
  std::vector<LeftOut> left_out;
  uint64_t seed = 0;
  int64_t steps = 0;
  int64_t threads = 0;
  Mixture mixture = Mixture::kProbability;
  int64_t chunk_tokens = 0;
  std::string program_version;
  std::string torch_version;
  std::string vector_level;
};

struct ReportRouter {
  std::string digest;  // SHA-256 of router.safetensors, hex
  std::string training_reason;
  // By the held-out third of the router part, before the check for collapse.
  RouterRung kept_rung = RouterRung::kUniform;
  std::vector<double> held_out_loss;  // nats/token, of each rung of FusionOutcome::ladder
  // Of the training, every step; the report keeps every tenth.
  std::vector<TrainingStep> trajectory = {};
};

struct FusionReport {
  std::string json;      // what is digested
  std::string markdown;  // what is read
};

FusionReport WriteFusionReport(const ReportInputs& inputs, const ReportRouter& router,
                               const FusionOutcome& outcome);

// What of it all is kept in rows.
FusionFigures StoredFigures(const FusionOutcome& outcome, const Digest& router_digest,
                            const FusionReport& report);
MeasuredLosses StoredLosses(const FusionOutcome& outcome, const std::vector<FusionExpert>& experts);

// The inputs alone, as canonical JSON: `inputs` of report.json without white space. Stored with a
// fusion when it is created, then without what only its run tells (probe digest, LibTorch, vector
// level); the SHA-256 of the whole is in the log leaf of the fusion's end.
std::string ReportInputsJson(const ReportInputs& inputs);

// Who was left out when a fusion was created, from what ReportInputsJson gave then. JSON_INVALID.
absl::StatusOr<std::vector<LeftOut>> LeftOutOf(absl::string_view inputs_json);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_REPORT_H_
