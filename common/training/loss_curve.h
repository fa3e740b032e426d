// The loss on held-out text as training goes on, and where a short run would end if it went on.
//
// Model: L(u) = B · (1 + u/τ)^(−b), u = Σ learning rates of the steps done. B is the loss before
// the first step, so the curve starts where the member starts; a power law because losses of
// language models fall so over the lengths of fine-tuning, in accumulated learning rate rather than
// steps because warm-up and cosine make steps unequal (Tissue et al. 2024, arXiv 2408.11029, whose
// S1 this is; their annealing term is left out: it only lowers the loss, so the forecast is
// cautious). τ is searched on a logarithmic grid, b by least squares on log L.
//
// Error: the fit without the last evaluation predicts that one; the deviation, scaled with the
// ratio of the logarithmic distances in u, is given as error_percent, at least 3. It measures the
// curve, not the text: the held-out sample is the same for base and specialist. Pure functions;
// thread-safe.
#ifndef KALAVAI_COMMON_TRAINING_LOSS_CURVE_H_
#define KALAVAI_COMMON_TRAINING_LOSS_CURVE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/model/hyperparameters.h"

namespace kalavai {

struct CurvePoint {
  int64_t step = 0;  // updates done
  double loss = 0;   // nats/token on held-out text
};

struct Extrapolation {
  double loss = 0;           // at the last step of the schedule
  double error_percent = 0;  // of the loss, ±
  double exponent = 0;       // b
  double scale = 0;          // τ, in units of the accumulated learning rate
};

// Σ_{i < step} LearningRate(i).
double AccumulatedLearningRate(const Hyperparameters& hyperparameters, int64_t step);

// The loss at hyperparameters.steps. `points` ascending in step, the first at step 0 (the base).
// Nothing when fewer than three points are given, a loss is not above 0, or the curve does not
// fall: then the last measured loss is the best forecast there is.
std::optional<Extrapolation> Extrapolate(const Hyperparameters& hyperparameters,
                                         std::span<const CurvePoint> points);

// Steps at which to evaluate a run of `steps`: 1/8, 1/4, 1/2, 3/4 and the end for a pilot of that
// length; every eighth for a whole run. Ascending, distinct, the last is `steps`.
std::vector<int64_t> EvaluationSteps(int64_t steps, bool pilot);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_LOSS_CURVE_H_
