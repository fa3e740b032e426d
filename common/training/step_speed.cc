#include "common/training/step_speed.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace kalavai {

absl::StatusOr<double> MeasureStepSeconds(const Transformer& model, ChunkSpan train, int64_t batch,
                                          const OptimizerStep::Options& options) {
  ASSIGN_OR_RETURN(Transformer own, model.Clone());  // trained for two steps, then dropped
  ASSIGN_OR_RETURN(const auto optimizer, OptimizerStep::Create(std::move(own), options));
  const int64_t measured = std::min(batch, options.hyperparameters.micro_batch);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < measured; ++i) {
    const auto chunk =
        train.tokens.subspan(static_cast<size_t>((i % train.count()) * train.chunk_length),
                             static_cast<size_t>(train.chunk_length));
    tokens.insert(tokens.end(), chunk.begin(), chunk.end());
  }
  const ChunkSpan step = {.tokens = tokens, .chunk_length = train.chunk_length};
  RETURN_IF_ERROR(optimizer->Step(step).status());
  const Stopwatch watch;
  RETURN_IF_ERROR(optimizer->Step(step).status());
  const double seconds = absl::ToDoubleSeconds(watch.Elapsed());
  return seconds * static_cast<double>(batch) / static_cast<double>(measured);
}

}  // namespace kalavai
