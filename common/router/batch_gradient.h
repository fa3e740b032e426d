// Loss and gradient of a router over a batch of texts, and the losses of routers on single texts:
// the arithmetic of a training step (design §3.4), on several threads.
//
// Two loops, each joined before the next: over the texts (features, logits, the filter forward and
// backward), then over columns of the weights, whose sums run over all rows of all texts in order.
// So no sum depends on who did what: the same bits for every number of threads, those of one loop
// over all rows. Uses the linear algebra's and nothing else's memory layout: z [T][K], rows of n.
#ifndef KALAVAI_COMMON_ROUTER_BATCH_GRADIENT_H_
#define KALAVAI_COMMON_ROUTER_BATCH_GRADIENT_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "common/base/fork_join.h"
#include "common/router/filter_gradient.h"
#include "common/router/router_parameters.h"
#include "common/router/router_texts.h"

namespace kalavai {

// Not thread-safe: an object holds the memory of its last batch, so that no step allocates. `texts`
// and `workers` must outlive it.
class BatchGradient {
 public:
  BatchGradient(const RouterTexts& texts, ForkJoin& workers)
      : texts_(&texts), workers_(&workers), scratch_(workers.threads()) {}

  // Mean loss of the batch, nats/token. The router has features, and `texts` are of its transform;
  // the batch is not empty.
  double Compute(const RouterParameters& router, std::span<const TextSource> batch);

  // Gradients of what the last Compute returned.
  std::span<const double> Weight() const { return weight_; }  // ∂/∂W [n][K]
  std::span<const double> Bias() const { return bias_; }      // ∂/∂b [n]
  double AlphaLogit() const { return alpha_; }                // ∂/∂log(α/(1-α))

 private:
  // One text of the batch, of which nothing else is kept: what is small stays near the processor.
  struct Share {
    std::vector<double> gradient = {};  // of the logits, of the batch's mean loss [T][n]
    double alpha = 0;                   // of the same, of the logit of alpha
    double loss = 0;                    // nats
  };
  // Memory of one worker.
  struct Scratch {
    RouterText text = {};
    std::vector<double> logits = {};   // [T][n]
    std::vector<double> columns = {};  // of the features
    std::optional<FilterGradient> filter = {};
  };

  void AddColumns(std::span<const TextSource> batch, size_t experts, size_t features, size_t block,
                  std::vector<double>& columns);
  void AddBias(size_t experts);

  const RouterTexts* texts_;
  ForkJoin* workers_;
  std::vector<Share> shares_ = {};
  std::vector<Scratch> scratch_ = {};
  std::vector<double> weight_ = {};
  std::vector<double> bias_ = {};
  double alpha_ = 0;
};

// [routers][sources]: the loss of each router on each text, nats/token. Routers with
// features have the transform of `texts`.
std::vector<std::vector<double>> JudgeTexts(const RouterTexts& texts,
                                            std::span<const RouterParameters> routers,
                                            std::span<const TextSource> sources, ForkJoin& workers);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_ROUTER_BATCH_GRADIENT_H_
