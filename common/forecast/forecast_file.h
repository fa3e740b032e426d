// A loss matrix as a file of JSON, for forecasts without a coordinator (docs/formats/forecast.md):
//
//   {"base": {DOMAIN: loss}, "specialists": {NAME: {DOMAIN: loss}},
//    "fused": {DOMAIN: loss}, "own": {NAME: DOMAIN}}
//
// Losses are mean next-token cross-entropies, nats/token. The evaluation domains are those of the
// base; everybody has a loss on each of them. A specialist's own domain is the one of its name
// unless `own` says otherwise. `fused` and `own` may be absent, or null.
//
// Every error says where in the file ("$.specialists.welsh.legal"):
//   JSON_INVALID            no strict JSON text of at most 1 MiB (common/base/json_reader.h)
//   FORECAST_FILE_INVALID   a part is missing, unknown, empty or of another type
//   EVALUATION_MISSING      somebody has no loss on a domain of the base
//   LOSS_MATRIX_INVALID     a loss that is no number in [kLossMin, kLossMax]
//   OWN_DOMAIN_UNKNOWN      a specialist whose own domain is none of the base's
//   NOT_ENOUGH_SPECIALISTS  none
// Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_FORECAST_FORECAST_FILE_H_
#define KALAVAI_COMMON_FORECAST_FORECAST_FILE_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/forecast/loss_matrix.h"

namespace kalavai {

// Wide enough for every model, narrow enough that no figure overflows or is lost beside another.
inline constexpr double kLossMin = 1e-6;
inline constexpr double kLossMax = 1e6;

struct ForecastFile {
  LossMatrix matrix = {};  // domains and specialists sorted by name, bytewise; every own domain set
  std::optional<std::vector<double>> fused = {};  // [D] nats/token
};

absl::StatusOr<ForecastFile> ReadForecastFile(absl::string_view text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_FORECAST_FILE_H_
