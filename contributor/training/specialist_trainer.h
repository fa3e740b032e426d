// Trains a member's specialist from the verified base, on text that stays here (design §5).
//
//   ASSIGN_OR_RETURN(const SpecialistReport report, TrainSpecialist(options, listener));
//
// Full fine-tuning of every unfrozen weight, AdamW, warm-up over a tenth of the steps, cosine. The
// specialist is written in the type of the base's weights (admission demands equal types, and
// frozen tensors equal bit for bit), and its loss is measured on the weights as written, not on the
// float32 ones they were rounded from.
//
// A pilot is the beginning of the same run: it stops after pilot_steps, forecasts the loss at the
// end of the schedule (common/training/loss_curve.h) and leaves its state, so a later whole run
// goes on from there. This header names no tensor. Threads: the caller's.
#ifndef KALAVAI_CONTRIBUTOR_TRAINING_SPECIALIST_TRAINER_H_
#define KALAVAI_CONTRIBUTOR_TRAINING_SPECIALIST_TRAINER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "common/model/device.h"
#include "common/model/hyperparameters.h"
#include "common/training/training_progress.h"

namespace kalavai::contributor {

struct SpecialistOptions {
  std::string base_directory = {};        // config.json, tokenizer.json, weights; verified
  std::string specialist_directory = {};  // replaced as a whole when training has ended
  std::string training_directory = {};    // state, pilot/, report.json, documents.txt
  std::vector<std::string> files = {};    // .txt, .jsonl
  Hyperparameters hyperparameters = {};   // freeze_depth from the charter
  Precision precision = Precision::kMixed;
  bool activation_checkpointing = false;  // less memory, a third more work; the same bits
  Device device = Device::kCpu;           // from OpenDevice
  int64_t chunk_tokens = 256;
  int64_t batch = 16;
  int64_t pilot_steps = 0;  // 0: the whole run
  int64_t held_out_chunks = 128;
  int64_t patience = 3;  // evaluations (eight a run) without a new best before stopping
  uint64_t seed = 1;
  bool restart = false;  // train anew: discard the state or result of an earlier run
  absl::Duration save_interval = absl::Minutes(5);
};

// What report.json holds (docs/formats/training_report.md).
struct SpecialistReport {
  double base_loss = 0;      // nats/token on own held-out text
  double own_loss = 0;       // of the specialist as written; a pilot's: forecast for the whole run
  double measured_loss = 0;  // after the steps done; equals own_loss when not a pilot
  double error_percent = 0;  // of an extrapolated own_loss
  // Of base_loss − own_loss, nats/token: from the paired losses of held-out chunks, or a pilot's
  // from error_percent; 0 when not known.
  double improvement_standard_error = 0;
  bool pilot = false;
  bool extrapolated = false;  // false in a pilot whose curve could not be fitted
  int64_t planned_steps = 0;
  int64_t chunk_tokens = 0;
  int64_t train_chunks = 0;
  int64_t held_out_chunks = 0;
  int64_t documents = 0;
  int64_t duplicates = 0;
  int64_t train_documents = 0;
  int64_t held_out_documents = 0;
  uint64_t seed = 0;
  std::string run_digest = {};  // of base, text and settings; names the training state
  std::vector<std::string> files = {};
  TrainingSummary summary = {};

  double DivergencePercent() const;  // 100·(base − own)/base; negative when training made it worse
  nlohmann::json ToJson() const;
  // JSON_INVALID when a field is missing or of another type.
  static absl::StatusOr<SpecialistReport> FromJson(const nlohmann::json& json);
};

// What the trainer tells while it works. All three must be set.
struct TrainingListener {
  std::function<void(absl::string_view)> note;
  std::function<void(absl::string_view)> warn;
  TrainingObserver progress;
};

// Errors: those of ReadDocuments, Tokenizer::Load, BuildDataset (TOO_LITTLE_TEXT), LoadTransformer,
// Train; FAILED_PRECONDITION TOKENIZER_MISMATCH (tokenizer.json has more tokens than the base);
// RESOURCE_EXHAUSTED OUT_OF_MEMORY, DISK_FULL before the first step when the estimate does not fit.
absl::StatusOr<SpecialistReport> TrainSpecialist(const SpecialistOptions& options,
                                                 const TrainingListener& listener);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TRAINING_SPECIALIST_TRAINER_H_
