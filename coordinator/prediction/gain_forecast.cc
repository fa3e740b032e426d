#include "coordinator/prediction/gain_forecast.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/forecast/coverage.h"
#include "common/forecast/interval.h"
#include "common/forecast/loss_matrix.h"
#include "common/forecast/transfer.h"

namespace kalavai::coordinator {
namespace {

// Deviation of one chunk's improvement, as a share of the base loss, where nobody measured it.
constexpr double kChunkDeviationShare = 0.1;

constexpr double kPlannedLossMax = 100;  // nats/token, as of a measurement
constexpr int64_t kPlannedChunks = 64;   // a planned member's held-out text

struct Domains {
  std::map<std::string, int> index;
  std::vector<double> base_loss;  // B[d]
};

Domains CollectDomains(const std::vector<MeasurementRow>& measurements) {
  Domains domains;
  std::vector<int> members;
  for (const MeasurementRow& row : measurements) {
    const auto [entry, added] =
        domains.index.emplace(row.domain, static_cast<int>(domains.base_loss.size()));
    if (added) {
      domains.base_loss.push_back(0);
      members.push_back(0);
    }
    const auto d = static_cast<size_t>(entry->second);
    domains.base_loss[d] += row.base_loss;
    ++members[d];
  }
  for (size_t d = 0; d < members.size(); ++d) domains.base_loss[d] /= members[d];
  return domains;
}

double StandardError(const MeasurementRow& row, int64_t chunk_tokens) {
  if (row.improvement_standard_error > 0) return row.improvement_standard_error;
  const auto chunks = static_cast<double>(std::max<int64_t>(1, row.held_out_tokens / chunk_tokens));
  return kChunkDeviationShare * row.base_loss / std::sqrt(chunks);
}

std::vector<MemberLosses> Losses(const ForecastInput& input, const Domains& domains) {
  std::vector<MemberLosses> losses;
  for (const MeasurementRow& row : input.measurements) {
    losses.push_back({.domain = domains.index.at(row.domain),
                      .base_loss = row.base_loss,
                      .specialist_loss = row.own_loss,
                      .improvement_standard_error = StandardError(row, input.chunk_tokens)});
    if (row.public_base_loss.has_value() && row.public_own_loss.has_value()) {
      losses.back().transfer = TransferOf(*row.public_base_loss, *row.public_own_loss);
    }
  }
  return losses;
}

// The coverage estimate without member number `leaving`, and without the domain that only it has.
std::optional<double> GainWithout(const ForecastInput& input, size_t leaving) {
  if (input.measurements.size() < 3) return std::nullopt;
  ForecastInput rest{.measurements = input.measurements, .chunk_tokens = input.chunk_tokens};
  rest.measurements.erase(rest.measurements.begin() + static_cast<std::ptrdiff_t>(leaving));
  const Domains domains = CollectDomains(rest.measurements);
  const std::vector<MemberLosses> losses = Losses(rest, domains);
  if (HasTransfer(losses)) {
    const absl::StatusOr<double> gain = CoverageWithTransfer(losses, domains.base_loss);
    return gain.ok() ? std::optional<double>(*gain) : std::nullopt;
  }
  const absl::StatusOr<Coverage> coverage = EstimateCoverage(losses, domains.base_loss);
  return coverage.ok() ? std::optional<double>(coverage->gain_percent) : std::nullopt;
}

std::vector<MemberExpectation> Expectations(const ForecastInput& input, const Domains& domains,
                                            const std::vector<MemberLosses>& losses,
                                            const std::vector<double>& improvement) {
  const double base_sum = std::accumulate(domains.base_loss.begin(), domains.base_loss.end(), 0.0);
  const double gain_sum = std::accumulate(improvement.begin(), improvement.end(), 0.0);
  std::vector<MemberExpectation> members;
  for (size_t i = 0; i < losses.size(); ++i) {
    const auto own = static_cast<size_t>(losses[i].domain);
    const double base = base_sum - domains.base_loss[own];
    const double gain = gain_sum - improvement[own];
    MemberExpectation member{.contributor = input.measurements[i].contributor,
                             .other_domains_percent = base > 0 ? 100 * gain / base : 0,
                             .gain_without_percent = GainWithout(input, i)};
    if (losses[i].transfer.has_value() && base > 0) {
      const double mine = base * (1 + *losses[i].transfer);
      member.over_own_percent = 100 * (mine - (base - gain)) / mine;
    }
    members.push_back(std::move(member));
  }
  return members;
}

absl::StatusOr<Line> CalibratedLine(const ForecastInput& input) {
  const std::vector<CalibrationPoint>& own = input.finished_fusions;
  if (input.calibration == "own") {
    return FitLine(absl::StrCat("own, n = ", own.size()), own);
  }
  if (input.calibration != "all") {
    ASSIGN_OR_RETURN(const std::vector<CalibrationPoint> points,
                     PublishedCalibrationSet(input.calibration));
    return FitLine(input.calibration, points);
  }
  std::vector<CalibrationPoint> points = PublishedCalibrationPoints();
  points.insert(points.end(), own.begin(), own.end());
  return FitLine(
      own.empty() ? "published6" : absl::StrCat("published6 and ", own.size(), " finished here"),
      points);
}

absl::Status InvalidQuestion(std::string what, std::string fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "WHAT_IF_INVALID",
                   {.what = std::move(what),
                    .why = "the answer is computed from what members reported",
                    .fix = std::move(fix)});
}

absl::StatusOr<MeasurementRow> PlannedRow(const PlannedMember& member, size_t number,
                                          int64_t chunk_tokens) {
  const auto is_loss = [](double value) { return value > 0 && value <= kPlannedLossMax; };
  if (member.domain.empty() || member.domain.size() > limits::kIdLengthMax ||
      !is_loss(member.base_loss) || !is_loss(member.own_loss)) {
    return InvalidQuestion(
        absl::StrFormat("planned[%d]: losses %g and %g; a domain of 1 to %d bytes and losses above "
                        "0 and at most %g nats/token must be given",
                        number, member.base_loss, member.own_loss, limits::kIdLengthMax,
                        kPlannedLossMax),
        "write the plan as welsh:5.7:4.4");
  }
  return MeasurementRow{.cooperative = "",
                        .contributor = absl::StrCat("planned-", number + 1),
                        .domain = member.domain,
                        .base_loss = member.base_loss,
                        .own_loss = member.own_loss,
                        .held_out_tokens = kPlannedChunks * chunk_tokens,
                        .pilot = true};
}

}  // namespace

absl::StatusOr<Forecast> ForecastGain(const ForecastInput& input) {
  const Domains domains = CollectDomains(input.measurements);
  const std::vector<MemberLosses> losses = Losses(input, domains);
  Forecast forecast;
  for (const MeasurementRow& row : input.measurements) {
    forecast.mean_divergence_percent += DivergencePercent(row.base_loss, row.own_loss) /
                                        static_cast<double>(input.measurements.size());
  }
  ASSIGN_OR_RETURN(const Coverage coverage, EstimateCoverage(losses, domains.base_loss));
  ASSIGN_OR_RETURN(forecast.coverage, CoverageFromStandardErrors(losses, domains.base_loss));
  if (HasTransfer(losses)) {
    ASSIGN_OR_RETURN(forecast.coverage_with_transfer,
                     CoverageWithTransferFromStandardErrors(losses, domains.base_loss));
  }
  ASSIGN_OR_RETURN(const Line line, CalibratedLine(input));
  forecast.line = PredictGain(line, forecast.mean_divergence_percent,
                              static_cast<int>(input.measurements.size()));
  forecast.calibration_points = line.points;
  forecast.calibration = line.data_set;
  forecast.oracle = input.oracle;
  forecast.members = Expectations(input, domains, losses, coverage.domain_improvement);
  ASSIGN_OR_RETURN(forecast.decision,
                   Decide({.oracle = forecast.oracle,
                           .oracle_over_base_percent = input.oracle_over_base_percent,
                           .coverage_with_transfer = forecast.coverage_with_transfer,
                           .coverage = forecast.coverage,
                           .line = forecast.line}));
  for (const std::string& note : input.notes) {
    absl::StrAppend(&forecast.decision.reason, "; ", note);
  }
  return forecast;
}

absl::StatusOr<ForecastInput> AskWhatIf(const ForecastInput& input,
                                        const std::vector<std::string>& without,
                                        const std::vector<PlannedMember>& planned) {
  ForecastInput asked = input;
  asked.oracle.reset();
  asked.notes.clear();
  for (const std::string& id : without) {
    const size_t before = asked.measurements.size();
    std::erase_if(asked.measurements,
                  [&id](const MeasurementRow& row) { return row.contributor == id; });
    if (asked.measurements.size() < before) continue;
    return InvalidQuestion(absl::StrCat("without: '", id.substr(0, limits::kIdLengthMax),
                                        "' has reported nothing, or is named twice; must be one "
                                        "of the members who reported"),
                           "run predict without it first: it lists who reported");
  }
  for (size_t k = 0; k < planned.size(); ++k) {
    ASSIGN_OR_RETURN(MeasurementRow row, PlannedRow(planned[k], k, input.chunk_tokens));
    if (!input.measurements.empty()) row.cooperative = input.measurements[0].cooperative;
    asked.measurements.push_back(std::move(row));
  }
  if (asked.measurements.size() < 2) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS",
        {.what = absl::StrCat(asked.measurements.size(), " members left; must be at least two"),
         .why = "a fusion mixes specialists of different members",
         .fix = "leave fewer out, or plan more"});
  }
  return asked;
}

}  // namespace kalavai::coordinator
