// One training step, readable from top to bottom: zero, accumulate, finite check, clip, schedule,
// AdamW.
//
//   ASSIGN_OR_RETURN(auto trainer, OptimizerStep::Create(std::move(model), {.hyperparameters =
//   h})); for (int64_t i = trainer->step(); i < h.steps; ++i) {
//     ASSIGN_OR_RETURN(const StepResult result, trainer->Step(chunks_of_step(i)));
//   }
//   SaveTransformer(trainer->model(), …);
//
// kMixed falls back to kFloat32 on a machine without bfloat16 instructions: see precision().
// AdamW (Loshchilov & Hutter 2019), decoupled weight decay on every trainable tensor, as the
// paper's runs. m and v are kept for trainable tensors only.
//
// Bit-repeatable for the same initial weights, chunks, precision and thread count.
// Ownership: owns the model. Threads: one at a time.
// Errors: INVALID_ARGUMENT HYPERPARAMETERS_INVALID, CHUNKS_INVALID and those of Forward;
// OUT_OF_RANGE TRAINING_NOT_FINITE when loss or gradient is not finite: weights, optimizer state
// and step counter are then as before the step. TRAINING_STATE_INVALID (INVALID_ARGUMENT) from
// ImportState.
#ifndef KALAVAI_COMMON_MODEL_OPTIMIZER_STEP_H_
#define KALAVAI_COMMON_MODEL_OPTIMIZER_STEP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/hyperparameters.h"
#include "common/model/loss.h"
#include "common/model/transformer.h"

namespace kalavai {

struct StepResult {
  double loss = 0;           // mean nats/token over the step's chunks, before the update
  double gradient_norm = 0;  // before clipping
  double learning_rate = 0;
  int64_t tokens = 0;  // tokens read: chunks · T
};

class OptimizerStep {
 public:
  struct Options {
    Hyperparameters hyperparameters;
    Precision precision = Precision::kMixed;
    bool activation_checkpointing = false;  // common/model/training_pass.h: less memory, more work
  };
  // Takes the model over, in float32 (kPure: bfloat16): where it is in that type already its own
  // tensors are trained, so that no weight is held twice. Hand in a Clone() to keep the original.
  static absl::StatusOr<std::unique_ptr<OptimizerStep>> Create(Transformer model,
                                                               const Options& options);

  // One update from all `chunks` (micro_batch at a time; the loss is the mean over all
  // predictions).
  absl::StatusOr<StepResult> Step(ChunkSpan chunks);

  // The current weights (handles; they change with the next Step; Clone() to keep).
  const Transformer& model() const { return model_; }
  int64_t step() const { return step_; }  // updates done
  Precision precision() const { return precision_; }
  const Hyperparameters& hyperparameters() const { return options_.hyperparameters; }

  // m and v of every trainable tensor as "optimizer.m.NAME", "optimizer.v.NAME" (handles, types as
  // kept). With model().parameters and step() they are the whole state.
  NamedTensors ExportState() const;
  // Takes back weights (all names of the model), state and step; copies. Continuing gives the same
  // bits as never having stopped.
  absl::Status ImportState(const NamedTensors& parameters, const NamedTensors& state, int64_t step);

 private:
  OptimizerStep() = default;

  void AddLeaf(at::Tensor leaf);
  void ZeroGradients();
  absl::StatusOr<double> Accumulate(ChunkSpan chunks);
  double GradientNorm() const;
  void Update(double learning_rate, double gradient_scale);

  Options options_;
  Precision precision_ = Precision::kFloat32;
  Transformer model_;
  Transformer compute_;  // the same tensors, as the blocks compute with them
  int64_t step_ = 0;
  struct TrainedName {
    std::string name;
    size_t leaf;  // in the lists below
  };
  std::vector<TrainedName> names_;  // in name order
  // Parallel lists over the tensors that train, fused where the blocks use them fused.
  std::vector<at::Tensor> weights_;
  std::vector<at::Tensor> m_;
  std::vector<at::Tensor> v_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_MODEL_OPTIMIZER_STEP_H_
