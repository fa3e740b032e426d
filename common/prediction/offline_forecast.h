// `predict`, `matrix` and `credit` of both programs on a file of losses (docs/formats/forecast.md),
// without a coordinator.
//
//   configure: AddOfflineFlag(app, flags->offline); AddCalibrationFlag(app, flags->calibration);
//   run:       if (flags->offline.has_value()) return PredictOffline(…, console);
//
// Errors: those of the file system and of ReadForecastFile; PREDICTION_NOT_GO under --check.
#ifndef KALAVAI_COMMON_PREDICTION_OFFLINE_FORECAST_H_
#define KALAVAI_COMMON_PREDICTION_OFFLINE_FORECAST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "common/cli/console.h"

namespace CLI {
class App;
}

namespace kalavai {

// Adds --offline FILE.
void AddOfflineFlag(CLI::App& app, std::optional<std::string>& file);

// Adds --calibration: whose points the line is fitted on.
void AddCalibrationFlag(CLI::App& app, std::string& calibration);

// Adds --without NAME and --with-planned DOMAIN:BASE:OWN, both repeatable.
void AddWhatIfFlags(CLI::App& app, std::vector<std::string>& without,
                    std::vector<std::string>& planned);

struct OfflinePrediction {
  std::string file;
  std::string calibration = "all";  // the published six: others' fusions are not known here
  bool check = false;
  std::vector<std::string> without = {};  // names of specialists
  std::vector<std::string> planned = {};  // "DOMAIN:BASE:OWN"
};
absl::Status PredictOffline(const OfflinePrediction& options, Console& console);

absl::Status MatrixOffline(const std::string& file, Console& console);
absl::Status CreditOffline(const std::string& file, Console& console);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PREDICTION_OFFLINE_FORECAST_H_
