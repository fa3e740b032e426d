#include "tests/experiments/fusion/experiment_arrays.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"
#include "common/router/router_ladder.h"

namespace kalavai::experiment {

void ExperimentArrays::Bind() {
  data.log_prob = log_prob;
  data.hidden = hidden;
  data.domain = domain;
  data.chunk = chunk;
}

absl::StatusOr<ExperimentArrays> AssembleArrays(const ProbeText& probe,
                                                const std::map<std::string, ProbeCache>& caches,
                                                const std::vector<std::string>& experts,
                                                const std::vector<std::string>& domains,
                                                ProbePart part) {
  std::vector<const ProbeCache*> models;
  for (const std::string& expert : experts) {
    const auto found = caches.find(expert);
    if (found == caches.end()) {
      return absl::NotFoundError(absl::StrCat("model '", expert, "': not measured"));
    }
    models.push_back(&found->second);
  }
  const auto rows = static_cast<size_t>(probe.chunk_tokens - 1);
  const auto width = static_cast<size_t>(models[0]->feature_width);
  ExperimentArrays arrays;
  for (size_t wanted = 0; wanted < domains.size(); ++wanted) {
    for (size_t c = 0; c < probe.chunk_part.size(); ++c) {
      const auto d = static_cast<size_t>(probe.chunk_domain[c]);
      if (probe.chunk_part[c] != part || probe.domains[d].name != domains[wanted]) continue;
      arrays.domain.push_back(static_cast<int32_t>(wanted));
      arrays.chunk.push_back(static_cast<int32_t>(c));
      for (size_t t = 0; t < rows; ++t) {
        for (const ProbeCache* model : models) {
          arrays.log_prob.push_back(model->log_probs[c * rows + t]);
        }
      }
      // The state after the first token is no feature (probe_data.h).
      const auto from =
          models[0]->features.begin() + static_cast<std::ptrdiff_t>((c * (rows + 1) + 1) * width);
      arrays.hidden.insert(arrays.hidden.end(), from,
                           from + static_cast<std::ptrdiff_t>(rows * width));
    }
  }
  arrays.data.experts = static_cast<int>(models.size());
  arrays.data.width = static_cast<int>(width);
  arrays.data.rows = static_cast<int>(rows);
  arrays.data.domains = domains;
  arrays.Bind();
  RETURN_IF_ERROR(ValidateProbeData(arrays.data));
  return arrays;
}

ExperimentArrays SpliceArrays(const ProbeData& data, int counted, int per_pair) {
  std::vector<std::vector<int64_t>> chunks = ChunksByDomain(data);
  chunks.resize(static_cast<size_t>(counted));
  const size_t half = static_cast<size_t>(data.rows) / 2;
  ExperimentArrays arrays;
  const auto append = [&](int64_t chunk, size_t begin, size_t end) {
    const auto experts = static_cast<size_t>(data.experts);
    const auto width = static_cast<size_t>(data.width);
    const auto log_prob =
        data.ChunkLogProb(chunk).subspan(begin * experts, (end - begin) * experts);
    const auto hidden = data.ChunkHidden(chunk).subspan(begin * width, (end - begin) * width);
    arrays.log_prob.insert(arrays.log_prob.end(), log_prob.begin(), log_prob.end());
    arrays.hidden.insert(arrays.hidden.end(), hidden.begin(), hidden.end());
  };
  for (const TextSource& text : SpliceAll(chunks, per_pair)) {
    const int32_t first = data.domain[static_cast<size_t>(text.first)];
    const int32_t second = data.domain[static_cast<size_t>(text.second)];
    arrays.domain.push_back(first * counted + second);
    arrays.chunk.push_back(static_cast<int32_t>(text.first));
    append(text.first, 0, half);
    append(text.second, half, static_cast<size_t>(data.rows));
  }
  arrays.data.experts = data.experts;
  arrays.data.width = data.width;
  arrays.data.rows = data.rows;
  arrays.data.domains.assign(static_cast<size_t>(counted) * static_cast<size_t>(counted), "");
  arrays.Bind();
  return arrays;
}

}  // namespace kalavai::experiment
