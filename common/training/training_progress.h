// What a training run tells while it goes and when it has ended. No LibTorch: commands include it.
#ifndef KALAVAI_COMMON_TRAINING_TRAINING_PROGRESS_H_
#define KALAVAI_COMMON_TRAINING_TRAINING_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"

#include "common/training/loss_curve.h"

namespace kalavai {

struct TrainingProgress {
  int64_t step = 0;   // updates done
  int64_t steps = 0;  // where this run ends
  double loss = 0;    // training loss of the last step, nats/token
  double learning_rate = 0;
  double tokens_per_second = 0;              // mean of this session, evaluations included
  std::optional<double> held_out_loss = {};  // the last one measured
};

// Called after every step; a status ends the run (the state is saved first) and is returned, e.g.
// InterruptedError.
using TrainingObserver = std::function<absl::Status(const TrainingProgress&)>;

struct TrainingSummary {
  int64_t steps = 0;         // updates done, all sessions
  int64_t resumed_from = 0;  // step at which this session began
  int64_t best_step = 0;     // the step whose weights were returned
  double best_loss = 0;      // held-out loss there; 0 without held-out text
  bool stopped_early = false;
  int64_t undone_steps = 0;            // not finite, skipped
  std::vector<CurvePoint> curve = {};  // from step 0
  double seconds = 0;                  // all sessions
  double tokens_per_second = 0;        // training tokens of this session / its seconds
  bool mixed_precision = false;        // bfloat16 arithmetic was used
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_TRAINING_PROGRESS_H_
