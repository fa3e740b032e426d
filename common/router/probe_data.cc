#include "common/router/probe_data.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

absl::Status Invalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID",
                   {.what = std::move(what),
                    .why = "a router learns from every number of the probe pass",
                    .fix = "remove the cache; the fusion makes it again"});
}

absl::Status ValidateShape(const ProbeData& data) {
  if (data.experts < 2 || data.width < 1 || data.rows < 1 || data.domains.empty()) {
    return Invalid(
        absl::StrFormat("%d experts, width %d, %d rows, %d domains; must be at least "
                        "2, 1, 1 and 1",
                        data.experts, data.width, data.rows, data.domains.size()));
  }
  const size_t rows = data.domain.size() * static_cast<size_t>(data.rows);
  const size_t log_probs = rows * static_cast<size_t>(data.experts);
  const size_t states = rows * static_cast<size_t>(data.width);
  if (data.log_prob.size() != log_probs || data.hidden.size() != states ||
      data.chunk.size() != data.domain.size()) {
    return Invalid(absl::StrFormat(
        "%d log-probabilities, %d state numbers, %d chunk numbers; must be %d, %d and %d",
        data.log_prob.size(), data.hidden.size(), data.chunk.size(), log_probs, states,
        data.domain.size()));
  }
  std::vector<bool> seen(data.domains.size(), false);
  for (const int32_t domain : data.domain) {
    if (domain < 0 || static_cast<size_t>(domain) >= data.domains.size()) {
      return Invalid(absl::StrFormat("domain of a chunk: %d; must be in [0, %d)", domain,
                                     data.domains.size()));
    }
    seen[static_cast<size_t>(domain)] = true;
  }
  for (size_t d = 0; d < seen.size(); ++d) {
    if (!seen[d]) {
      return Invalid(
          absl::StrFormat("domain '%s': no chunk; must be at least one", data.domains[d]));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateProbeData(const ProbeData& data) {
  if (absl::Status status = ValidateShape(data); !status.ok()) return status;
  const size_t experts = static_cast<size_t>(data.experts);
  for (size_t row = 0; row * experts < data.log_prob.size(); ++row) {
    bool possible = false;
    for (size_t i = 0; i < experts; ++i) {
      const float value = data.log_prob[row * experts + i];
      if (std::isnan(value) || value > kLogProbMax) {
        return Invalid(absl::StrFormat(
            "log-probability of expert %d, chunk %d, row %d: %g; must "
            "not be NaN or above 0",
            i, row / static_cast<size_t>(data.rows), row % static_cast<size_t>(data.rows), value));
      }
      possible = possible || std::isfinite(value);
    }
    if (!possible) {
      return Invalid(absl::StrFormat(
          "chunk %d, row %d: every expert excludes the token; at least "
          "one must allow it",
          row / static_cast<size_t>(data.rows), row % static_cast<size_t>(data.rows)));
    }
  }
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(data.hidden.begin(), data.hidden.end(), finite)) {
    return Invalid("a hidden state is not finite; must be");
  }
  return absl::OkStatus();
}

std::vector<std::vector<int64_t>> ChunksByDomain(const ProbeData& data) {
  std::vector<std::vector<int64_t>> chunks(data.domains.size());
  for (int64_t c = 0; c < data.chunks(); ++c) {
    chunks[static_cast<size_t>(data.domain[static_cast<size_t>(c)])].push_back(c);
  }
  return chunks;
}

}  // namespace kalavai
