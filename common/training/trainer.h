// The training loop, shared by specialists and by bases made from scratch.
//
//   ASSIGN_OR_RETURN(const TrainingResult result,
//                    Train(initial, {.train = …, .held_out = …}, options, show_progress));
//
// Per step: the next `batch` chunks of the order, one OptimizerStep, and at set steps the loss on
// held-out text. The result is the model of the lowest held-out loss, the start included: training
// never returns something worse than it was given. A step whose loss or gradient is not finite is
// undone and its chunks are skipped; after three in a row the run ends with TRAINING_NOT_FINITE.
//
// With a state path, the state is saved every save_interval, at the end, and when the progress
// callback ends the run; a later call with the same binding continues it, bit for bit as if it had
// not stopped (same thread count, common/model/determinism.h).
//
// Threads: the caller's only. Errors: those of OptimizerStep and MeanLoss; TRAINING_NOT_FINITE;
// TRAINING_STATE_INVALID; IO_ERROR, DISK_FULL; what the callback returned.
#ifndef KALAVAI_COMMON_TRAINING_TRAINER_H_
#define KALAVAI_COMMON_TRAINING_TRAINER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/model/loss.h"
#include "common/model/optimizer_step.h"
#include "common/training/loss_curve.h"
#include "common/training/training_progress.h"

namespace kalavai {

struct TrainingChunks {
  ChunkSpan train;
  ChunkSpan held_out;  // may be empty: then the result is the last model
};

struct TrainerOptions {
  Hyperparameters hyperparameters = {};  // .steps is the length of the schedule
  Precision precision = Precision::kMixed;
  bool activation_checkpointing = false;  // less memory, a third more work; the same bits
  int64_t batch = 16;                     // chunks an update
  uint64_t seed = 1;                      // of the order
  int64_t stop_at = 0;  // end after this many steps of the schedule (a pilot); 0: all
  std::vector<int64_t> evaluate_at = {};  // steps, ascending
  int64_t patience = 0;         // evaluations without a new best before stopping; 0: never
  std::string state_path = {};  // empty: nothing is saved
  std::string binding = {};     // 64 hexadecimal digits; what the state belongs to
  absl::Duration save_interval = absl::Minutes(5);
};

struct TrainingResult {
  Transformer model;  // float32 (bfloat16 for Precision::kPure), storage of its own
  TrainingSummary summary;
};

// Takes `initial` over: its tensors change unless they must be cast. Hand in a Clone() to keep
// them.
absl::StatusOr<TrainingResult> Train(Transformer initial, const TrainingChunks& chunks,
                                     const TrainerOptions& options,
                                     const TrainingObserver& observer);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_TRAINER_H_
