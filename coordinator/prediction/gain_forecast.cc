#include "coordinator/prediction/gain_forecast.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/forecast/coverage.h"
#include "common/forecast/forecast_file.h"
#include "common/forecast/interval.h"
#include "common/forecast/loss_matrix.h"
#include "common/forecast/rows.h"
#include "common/probe/probe_text.h"

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

// B of a domain that nobody reported on its own text: as members' rows have it, else as the mean of
// the others.
double UnreportedBaseLoss(const ForecastInput& input, const std::string& domain,
                          const std::vector<double>& others) {
  double sum = 0;
  int count = 0;
  for (const MeasurementRow& measurement : input.measurements) {
    for (const DomainLossesRow& losses : measurement.row) {
      if (losses.domain != domain) continue;
      sum += losses.base_loss;
      ++count;
    }
  }
  if (count > 0) return sum / count;
  return std::accumulate(others.begin(), others.end(), 0.0) / static_cast<double>(others.size());
}

// Members' domains first.
Domains CollectDomains(const ForecastInput& input) {
  Domains domains;
  std::vector<int> members;
  for (const MeasurementRow& row : input.measurements) {
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
  const std::vector<double> reported = domains.base_loss;
  for (const std::string& domain : input.evaluation_domains) {
    const int next = static_cast<int>(domains.base_loss.size());
    if (!domains.index.emplace(domain, next).second) continue;
    domains.base_loss.push_back(UnreportedBaseLoss(input, domain, reported));
  }
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
  }
  return losses;
}

// The same domains by name, in the order of their indices.
std::vector<std::string> NamesOf(const Domains& domains) {
  std::vector<std::string> names(domains.index.size());
  for (const auto& [name, d] : domains.index) names[static_cast<size_t>(d)] = name;
  return names;
}

RowLosses OwnTextLosses(const MeasurementRow& row, int64_t chunk_tokens) {
  return {.base_loss = row.base_loss,
          .own_loss = row.own_loss,
          .standard_error = StandardError(row, chunk_tokens),
          .chunks = std::max<int64_t>(1, row.held_out_tokens / chunk_tokens),
          .own_text = true};
}

std::vector<MemberRow> RowsOf(const ForecastInput& input, const Domains& domains) {
  std::vector<MemberRow> rows;
  for (const MeasurementRow& measurement : input.measurements) {
    MemberRow row{.member = measurement.contributor,
                  .own_domain = domains.index.at(measurement.domain)};
    row.losses.resize(domains.index.size());
    for (const DomainLossesRow& losses : measurement.row) {
      const auto found = domains.index.find(losses.domain);
      if (found == domains.index.end()) continue;  // nobody's who counts
      const auto chunks = std::max<int64_t>(1, losses.tokens / (input.chunk_tokens - 1));
      const double assumed =
          kChunkDeviationShare * losses.base_loss / std::sqrt(static_cast<double>(chunks));
      const double error = losses.improvement_standard_error;
      row.losses[static_cast<size_t>(found->second)] =
          RowLosses{.base_loss = losses.base_loss,
                    .own_loss = losses.own_loss,
                    .standard_error = error > 0 ? error : assumed,
                    .chunks = chunks,
                    .text = losses.text.Hex()};
    }
    std::optional<RowLosses>& own = row.losses[static_cast<size_t>(row.own_domain)];
    if (!own.has_value() && !measurement.row.empty()) {
      own = OwnTextLosses(measurement, input.chunk_tokens);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

bool AnyRow(const ForecastInput& input) {
  return std::any_of(input.measurements.begin(), input.measurements.end(),
                     [](const MeasurementRow& row) { return !row.row.empty(); });
}

// The matrix that members measured at home, or nothing and why.
struct HomeMatrix {
  std::optional<LossMatrix> matrix = {};
  std::string note = {};
};

absl::StatusOr<HomeMatrix> MatrixAtHome(const ForecastInput& input, const Domains& domains) {
  HomeMatrix home;
  if (!AnyRow(input)) {
    home.note = "no member has measured its row: kalavai predict --rows";
    return home;
  }
  const std::vector<MemberRow> rows = RowsOf(input, domains);
  const std::vector<std::string> names = NamesOf(domains);
  if (const std::string missing = MissingRows(rows, names); !missing.empty()) {
    home.note = absl::StrCat("rows not yet measured: ", missing);
  } else if (const std::string disputed = ContradictoryRows(rows, names); !disputed.empty()) {
    home.note = absl::StrCat(
        "reports of the base's loss, which is one model, contradict each other: ", disputed);
  } else {
    ASSIGN_OR_RETURN(home.matrix, MatrixOfRows(rows, names));
  }
  return home;
}

// The best estimate there is of the gain without member number `leaving`. A domain that only it has
// counts on if it is an evaluation domain.
std::optional<double> GainWithout(const ForecastInput& input, size_t leaving) {
  if (input.measurements.size() < 3) return std::nullopt;
  ForecastInput rest{.measurements = input.measurements,
                     .chunk_tokens = input.chunk_tokens,
                     .evaluation_domains = input.evaluation_domains};
  rest.measurements.erase(rest.measurements.begin() + static_cast<std::ptrdiff_t>(leaving));
  const Domains domains = CollectDomains(rest);
  const absl::StatusOr<HomeMatrix> home = MatrixAtHome(rest, domains);
  if (home.ok() && home->matrix.has_value()) return OracleGainPercent(*home->matrix);
  const absl::StatusOr<Coverage> coverage =
      EstimateCoverage(Losses(rest, domains), domains.base_loss);
  return coverage.ok() ? std::optional<double>(coverage->gain_percent) : std::nullopt;
}

// What member i wins on the domains of the others, percent of what `mine` loses there.
double WinsElsewhere(const std::vector<double>& mine, const std::vector<double>& fused,
                     size_t own) {
  double before = 0;
  double after = 0;
  for (size_t d = 0; d < mine.size(); ++d) {
    if (d == own) continue;
    before += mine[d];
    after += fused[d];
  }
  return before > 0 ? 100 * (before - after) / before : 0;
}

std::vector<MemberExpectation> Expectations(const ForecastInput& input, const Domains& domains,
                                            const std::vector<double>& improvement,
                                            const std::optional<LossMatrix>& home) {
  const std::vector<double>& base = home.has_value() ? home->loss[0] : domains.base_loss;
  std::vector<double> fused = base;
  for (size_t d = 0; d < fused.size(); ++d) fused[d] -= improvement[d];
  if (home.has_value()) fused = ComputeDomainOracle(*home).loss;
  std::vector<MemberExpectation> members;
  for (size_t i = 0; i < input.measurements.size(); ++i) {
    const auto own = static_cast<size_t>(domains.index.at(input.measurements[i].domain));
    MemberExpectation member{.contributor = input.measurements[i].contributor,
                             .other_domains_percent = WinsElsewhere(base, fused, own),
                             .gain_without_percent = GainWithout(input, i)};
    if (home.has_value() && base.size() > 1) {
      member.over_own_percent = WinsElsewhere(home->loss[i + 1], fused, own);
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
  const auto refuse = [&](absl::string_view field, const std::string& found,
                          const std::string& rule) {
    return InvalidQuestion(
        absl::StrCat("planned[", number, "].", field, ": ", found, " found; must be ", rule),
        "write the plan as welsh:5.7:4.4");
  };
  if (member.domain.empty() || member.domain.size() > limits::kIdLengthMax) {
    return refuse("domain", absl::StrCat(member.domain.size(), " bytes"),
                  absl::StrCat("1 to ", limits::kIdLengthMax));
  }
  for (const auto& [field, loss] :
       {std::pair<absl::string_view, double>{"base_loss", member.base_loss},
        {"own_loss", member.own_loss}}) {
    if (loss >= kLossMin && loss <= kPlannedLossMax) continue;  // NaN is not
    return refuse(field, absl::StrCat(loss),
                  absl::StrCat(kLossMin, " to ", kPlannedLossMax, " nats/token"));
  }
  return MeasurementRow{.cooperative = "",
                        .contributor = absl::StrCat("planned-", number + 1),
                        .domain = member.domain,
                        .base_loss = member.base_loss,
                        .own_loss = member.own_loss,
                        .held_out_tokens = kPlannedChunks * chunk_tokens,
                        .pilot = true};
}

// The estimate `rows` and its note; what it gains over the base where that is better than every
// specialist.
absl::StatusOr<std::optional<double>> AddRows(const ForecastInput& input, const Domains& domains,
                                              const HomeMatrix& home, Forecast& forecast) {
  forecast.rows_note = home.note;
  if (!home.matrix.has_value()) return std::nullopt;
  const std::vector<MemberRow> rows = RowsOf(input, domains);
  double chunks = 0;
  for (const MemberRow& row : rows) {
    for (const std::optional<RowLosses>& losses : row.losses) {
      chunks += static_cast<double>(losses->chunks) /
                static_cast<double>(rows.size() * row.losses.size());
    }
  }
  // The evaluation part is as finite as this text.
  RowsOptions options{.chunk_tokens = input.chunk_tokens};
  options.bootstrap.later_share = chunks / static_cast<double>(kProbeChunksPerPart);
  ASSIGN_OR_RETURN(forecast.rows, EstimateRows(rows, NamesOf(domains), options));
  return OracleOverBasePercent(*home.matrix);
}

}  // namespace

absl::StatusOr<Forecast> ForecastGain(const ForecastInput& input) {
  const Domains domains = CollectDomains(input);
  const std::vector<MemberLosses> losses = Losses(input, domains);
  Forecast forecast;
  for (const MeasurementRow& row : input.measurements) {
    forecast.mean_divergence_percent += DivergencePercent(row.base_loss, row.own_loss) /
                                        static_cast<double>(input.measurements.size());
  }
  ASSIGN_OR_RETURN(const Coverage coverage, EstimateCoverage(losses, domains.base_loss));
  ASSIGN_OR_RETURN(forecast.coverage, CoverageFromStandardErrors(losses, domains.base_loss));
  ASSIGN_OR_RETURN(const HomeMatrix home, MatrixAtHome(input, domains));
  ASSIGN_OR_RETURN(const std::optional<double> over_base, AddRows(input, domains, home, forecast));
  ASSIGN_OR_RETURN(const Line line, CalibratedLine(input));
  forecast.line = PredictGain(line, forecast.mean_divergence_percent,
                              static_cast<int>(input.measurements.size()));
  forecast.calibration_points = line.points;
  forecast.calibration = line.data_set;
  forecast.oracle = input.oracle;
  forecast.members = Expectations(input, domains, coverage.domain_improvement, home.matrix);
  ASSIGN_OR_RETURN(forecast.decision,
                   Decide({.oracle = forecast.oracle,
                           .oracle_over_base_percent = input.oracle_over_base_percent,
                           .rows = forecast.rows,
                           .rows_over_base_percent = over_base,
                           .coverage = forecast.coverage,
                           .line = forecast.line}));
  for (const std::string& note : input.notes) {
    absl::StrAppend(&forecast.decision.reason, "; ", note);
  }
  // Whoever began to measure is told what is still to be done.
  if (!forecast.rows_note.empty() && !forecast.oracle.has_value() && AnyRow(input)) {
    absl::StrAppend(&forecast.decision.reason, "; ", forecast.rows_note);
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
  if (planned.size() > static_cast<size_t>(limits::kPlannedMembersMax)) {
    return InvalidQuestion(absl::StrCat("planned: ", planned.size(), " found; must be at most ",
                                        limits::kPlannedMembersMax),
                           "ask about fewer at once");
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
