#include "common/prediction/offline_forecast.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"

#include "CLI/CLI.hpp"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/forecast/forecast_file.h"
#include "common/forecast/forecast_page.h"
#include "common/forecast/line.h"
#include "common/forecast/matrix_forecast.h"
#include "common/forecast/what_if.h"
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

absl::StatusOr<ForecastFile> Asked(const ForecastFile& file, const OfflinePrediction& options) {
  std::vector<PlannedMember> planned;
  for (const std::string& text : options.planned) {
    ASSIGN_OR_RETURN(PlannedMember member, ParsePlannedMember(text));
    planned.push_back(std::move(member));
  }
  return ApplyWhatIf(file, {.without = options.without, .planned = planned});
}

}  // namespace

void AddOfflineFlag(CLI::App& app, std::optional<std::string>& file) {
  app.add_option("--offline", file,
                 "a file of losses (JSON, docs/formats/forecast.md) instead of a coordinator")
      ->type_name("FILE");
}

void AddCalibrationFlag(CLI::App& app, std::string& calibration) {
  app.add_option("--calibration", calibration,
                 "points of the line: published6, published8, own (fusions finished here), or all "
                 "(published6 and own)")
      ->check(CLI::IsMember({"all", "published6", "published8", "own"}))
      ->type_name("SET")
      ->capture_default_str();
}

void AddWhatIfFlags(CLI::App& app, std::vector<std::string>& without,
                    std::vector<std::string>& planned) {
  app.add_option("--without", without, "what if this member were not there (repeatable)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--with-planned", planned,
                 "what if a member joined whose domain has these losses, nats a token (repeatable)")
      ->type_name("DOMAIN:BASE:OWN")
      ->allow_extra_args(false);
}

absl::Status PredictOffline(const OfflinePrediction& options, Console& console) {
  const std::string set = options.calibration == "all" ? "published6" : options.calibration;
  ASSIGN_OR_RETURN(const std::vector<CalibrationPoint> points, PublishedCalibrationSet(set));
  ASSIGN_OR_RETURN(const Line line, FitLine(set, points));
  ASSIGN_OR_RETURN(ForecastFile file, Load(options.file, console));
  if (!options.without.empty() || !options.planned.empty()) {
    ASSIGN_OR_RETURN(file, Asked(file, options));
  }
  RETURN_IF_ERROR(RequireTwoSpecialists(file.matrix));
  ASSIGN_OR_RETURN(const MatrixForecast forecast,
                   ForecastMatrix(file, line, static_cast<int>(options.planned.size())));
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
