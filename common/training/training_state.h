// A resumable snapshot of a training run: weights, optimizer, place in the order, curve so far.
// (Never called a checkpoint: that is what the coordinator publishes.)
//
// One safetensors file: the weights as "parameters.NAME", AdamW's "optimizer.m.NAME" and
// "optimizer.v.NAME", the best weights so far as "best.NAME" where they are not the current ones,
// and `progress`, U8, a JSON object with the numbers below. Written atomically: a crash leaves the
// previous state. `binding` is the digest of everything the run depends on (base, text, settings);
// a state is only ever continued under the same binding.
//
// Ownership: tensors are handles. Errors: INVALID_ARGUMENT TRAINING_STATE_INVALID (damaged, or of
// another run), FILE_NOT_FOUND, IO_ERROR, DISK_FULL.
#ifndef KALAVAI_COMMON_TRAINING_TRAINING_STATE_H_
#define KALAVAI_COMMON_TRAINING_TRAINING_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/transformer.h"
#include "common/training/loss_curve.h"

namespace kalavai {

struct TrainingState {
  std::string binding = {};  // 64 lower-case hexadecimal digits
  NamedTensors parameters = {};
  NamedTensors optimizer = {};  // OptimizerStep::ExportState
  NamedTensors best = {};       // empty: the current weights are the best, or none was evaluated
  int64_t step = 0;             // updates done
  int64_t batches = 0;          // batches read: step + those undone as not finite
  int64_t best_step = 0;
  double best_loss = 0;  // at best_step, held-out text, nats/token
  std::vector<CurvePoint> curve = {};
  double seconds = 0;  // of training, all sessions
};

absl::Status SaveTrainingState(const std::string& path, const TrainingState& state);
absl::StatusOr<TrainingState> LoadTrainingState(const std::string& path,
                                                const std::string& binding);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_TRAINING_STATE_H_
