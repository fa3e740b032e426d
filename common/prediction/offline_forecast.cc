#include "common/prediction/offline_forecast.h"

#include <cmath>

#include "absl/strings/str_format.h"

#include "CLI/CLI.hpp"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/forecast/forecast_file.h"
#include "common/forecast/forecast_page.h"
#include "common/forecast/line.h"
#include "common/forecast/matrix_forecast.h"
#include "common/prediction/verdict_check.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

// What a uniform guess over 2^32 tokens costs, nats/token: no base is worse.
const double kUniformGuessNats = 32 * std::log(2.0);

absl::StatusOr<ForecastFile> Load(const std::string& path, Console& console) {
  ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(path, limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(ForecastFile file, ReadForecastFile(text));
  for (size_t d = 0; d < file.matrix.domains.size(); ++d) {
    const double loss = file.matrix.loss[0][d];
    if (loss <= kUniformGuessNats) continue;
    console.Warn(absl::StrFormat(
        "$.base.%s: %g is more than any guess costs; losses are nats a token, not perplexities",
        file.matrix.domains[d], loss));
    break;
  }
  return file;
}

}  // namespace

void AddOfflineFlag(CLI::App& app, std::optional<std::string>& file) {
  app.add_option("--offline", file,
                 "a file of losses (JSON, docs/formats/forecast.md) instead of a coordinator")
      ->type_name("FILE");
}

void AddCalibrationFlag(CLI::App& app, std::string& calibration) {
  app.add_option("--calibration", calibration,
                 "points of the line: published6, published8, or own (finished fusions)")
      ->check(CLI::IsMember({"published6", "published8", "own"}))
      ->type_name("SET")
      ->capture_default_str();
}

absl::Status PredictOffline(const OfflinePrediction& options, Console& console) {
  ASSIGN_OR_RETURN(const std::vector<CalibrationPoint> points,
                   PublishedCalibrationSet(options.calibration));
  ASSIGN_OR_RETURN(const Line line, FitLine(options.calibration, points));
  ASSIGN_OR_RETURN(const ForecastFile file, Load(options.file, console));
  ASSIGN_OR_RETURN(const MatrixForecast forecast, ForecastMatrix(file, line));
  console.Result(ForecastJson(file, forecast), ForecastPage(file, forecast, line));
  if (!options.check) return absl::OkStatus();
  return RequireGo(VerdictName(forecast.decision.verdict), forecast.decision.reason);
}

absl::Status MatrixOffline(const std::string& path, Console& console) {
  ASSIGN_OR_RETURN(const ForecastFile file, Load(path, console));
  console.Result(MatrixJson(file), MatrixPage(file));
  return absl::OkStatus();
}

absl::Status CreditOffline(const std::string& path, Console& console) {
  ASSIGN_OR_RETURN(const ForecastFile file, Load(path, console));
  console.Result(CreditJson(file), CreditPage(file));
  return absl::OkStatus();
}

}  // namespace kalavai
