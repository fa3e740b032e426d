#include "common/forecast/forecast_page.h"

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/forecast/text_table.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;
using Table = std::vector<std::vector<std::string>>;

Json Number(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json();
}

std::string Percent(double value) { return absl::StrFormat("%.2f %%", value); }

std::string Percent(const std::optional<double>& value) {
  return value.has_value() ? Percent(*value) : "-";
}

std::optional<double> Share(double part, double total) {
  if (total <= 0) return std::nullopt;
  return 100 * part / total;
}

std::string OwnDomain(const LossMatrix& matrix, size_t specialist) {
  const int own = matrix.own_domain[specialist];
  return own == kNoDomain ? "" : matrix.domains[static_cast<size_t>(own)];
}

// name | own domain | divergence | EW | credit
std::string MembersTable(const LossMatrix& matrix, const MatrixForecast& forecast) {
  Table rows = {{"", "own domain", "divergence", "EW", "credit"},
                {matrix.models[0], "", "", absl::StrFormat("%.4f", forecast.equal_weight_loss[0])}};
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    rows.push_back({ShownName(matrix.models[i + 1]), ShownName(OwnDomain(matrix, i)),
                    Percent(forecast.divergence.specialist_percent[i]),
                    absl::StrFormat("%.4f", forecast.equal_weight_loss[i + 1]),
                    absl::StrFormat("%.4f", forecast.credit.shapley[i])});
  }
  rows.push_back({"oracle", "", "", absl::StrFormat("%.4f", forecast.oracle_loss),
                  absl::StrFormat("%.4f", forecast.credit.total)});
  if (forecast.realised.has_value()) {
    rows.push_back(
        {"fused", "", "", absl::StrFormat("%.4f", forecast.realised->equal_weight_loss)});
  }
  return FormatTable(rows);
}

std::string GainsTable(const MatrixForecast& forecast, const Line& line) {
  const Estimate& from_line = forecast.line.estimate;
  Table rows = {
      {"oracle", Percent(forecast.oracle_gain_percent), absl::StrFormat("±%g", kOracleErrorPercent),
       "<- the verdict rests on this"},
      {"coverage", Percent(forecast.coverage_gain_percent), "",
       "own losses only, before any upload"},
      {"line", Percent(from_line.gain_percent),
       absl::StrFormat("[%.2f, %.2f]", from_line.interval.low, from_line.interval.high),
       absl::StrCat(line.data_set, ", ", line.points, " points",
                    forecast.line.in_range ? "" : "; outside: ", forecast.line.range_note)}};
  if (forecast.realised.has_value()) {
    rows.push_back(
        {"realised", Percent(forecast.realised->gain_percent), "",
         absl::StrFormat("%+.4f nats/token from the oracle", forecast.realised->router_gap_nats)});
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    absl::StrAppendFormat(&text, "  %-9s %9s  %-16s %s\n", row[0], row[1], row[2], row[3]);
  }
  return text;
}

}  // namespace

Json ForecastJson(const ForecastFile& file, const MatrixForecast& forecast) {
  const LossMatrix& matrix = file.matrix;
  Json divergence = Json::object();
  Json ew = Json::object();
  Json credit = Json::object();
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    const std::string& name = matrix.models[i + 1];
    divergence[name] = Number(forecast.divergence.specialist_percent[i]);
    ew[name] = forecast.equal_weight_loss[i + 1];
    credit[name] = forecast.credit.shapley[i];
  }
  const bool fused = forecast.realised.has_value();
  return {{"divergence_percent", divergence},
          {"mean_divergence_percent", Number(forecast.divergence.mean_percent)},
          {"ew",
           {{"base", forecast.equal_weight_loss[0]},
            {"specialists", ew},
            {"fused", fused ? Json(forecast.realised->equal_weight_loss) : Json()}}},
          {"best_specialist", matrix.models[static_cast<size_t>(forecast.best.model)]},
          {"line",
           {{"gain_percent", forecast.line.estimate.gain_percent},
            {"low", forecast.line.estimate.interval.low},
            {"high", forecast.line.estimate.interval.high},
            {"in_range", forecast.line.in_range}}},
          {"coverage_gain_percent", forecast.coverage_gain_percent},
          {"oracle_gain_percent", forecast.oracle_gain_percent},
          {"realised_gain_percent", fused ? Json(forecast.realised->gain_percent) : Json()},
          {"router_gap_nats", fused ? Json(forecast.realised->router_gap_nats) : Json()},
          {"credit_nats", credit},
          {"verdict", std::string(VerdictName(forecast.decision.verdict))},
          {"reason", forecast.decision.reason}};
}

std::string ForecastPage(const ForecastFile& file, const MatrixForecast& forecast,
                         const Line& line) {
  const LossMatrix& matrix = file.matrix;
  return absl::StrCat(
      VerdictName(forecast.decision.verdict), ": ", forecast.decision.reason, "\n\n",
      absl::StrFormat("Gain over the best single specialist (%s), %d specialists, %d domains, mean "
                      "divergence %s, 95 %%:\n",
                      ShownName(matrix.models[static_cast<size_t>(forecast.best.model)]),
                      matrix.specialists(), matrix.domains.size(),
                      Percent(forecast.divergence.mean_percent)),
      GainsTable(forecast, line), "\nNats/token, every domain with the same weight:\n",
      MembersTable(matrix, forecast));
}

Json MatrixJson(const ForecastFile& file) {
  const LossMatrix& matrix = file.matrix;
  Json rows = Json::array();
  for (size_t m = 0; m < matrix.models.size(); ++m) {
    const std::string own = m == 0 ? "" : OwnDomain(matrix, m - 1);
    rows.push_back({{"model", matrix.models[m]},
                    {"own_domain", own.empty() ? Json() : Json(own)},
                    {"losses", matrix.loss[m]},
                    {"ew", EqualWeightLoss(matrix.loss[m])}});
  }
  if (file.fused.has_value()) {
    rows.push_back({{"model", "fused"},
                    {"own_domain", nullptr},
                    {"losses", *file.fused},
                    {"ew", EqualWeightLoss(*file.fused)}});
  }
  return {{"domains", matrix.domains}, {"rows", rows}};
}

std::string MatrixPage(const ForecastFile& file) {
  const LossMatrix& matrix = file.matrix;
  Table table = {{"nats/token"}};
  for (const std::string& domain : matrix.domains) table[0].push_back(ShownName(domain));
  table[0].emplace_back("EW");
  const auto add = [&](const std::string& name, const std::vector<double>& losses, int own) {
    std::vector<std::string> row = {name};
    for (size_t d = 0; d < losses.size(); ++d) {
      row.push_back(absl::StrFormat("%s%.4f", own == static_cast<int>(d) ? "*" : "", losses[d]));
    }
    row.push_back(absl::StrFormat("%.4f", EqualWeightLoss(losses)));
    table.push_back(std::move(row));
  };
  for (size_t m = 0; m < matrix.models.size(); ++m) {
    add(ShownName(matrix.models[m]), matrix.loss[m], m == 0 ? kNoDomain : matrix.own_domain[m - 1]);
  }
  const DomainOracle oracle = ComputeDomainOracle(matrix);
  add("oracle", oracle.loss, kNoDomain);
  if (file.fused.has_value()) add("fused", *file.fused, kNoDomain);
  return absl::StrCat(FormatTable(table),
                      "* a specialist's own domain; oracle: the best row of each domain");
}

Json CreditJson(const ForecastFile& file) {
  const LossMatrix& matrix = file.matrix;
  const Credit nats = ComputeCredit(matrix);
  const Credit relative = ComputeCredit(matrix, CreditUnit::kPercentOfBase);
  const std::vector<MemberValue> values = MemberValues(file);
  Json members = Json::array();
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    const std::string own = OwnDomain(matrix, i);
    members.push_back(
        {{"name", matrix.models[i + 1]},
         {"own_domain", own.empty() ? Json() : Json(own)},
         {"nats", nats.shapley[i]},
         {"share_percent", Number(Share(nats.shapley[i], nats.total))},
         {"leave_one_out_nats", nats.leave_one_out[i]},
         {"relative_percent", relative.shapley[i]},
         {"relative_share_percent", Number(Share(relative.shapley[i], relative.total))},
         {"relative_leave_one_out_percent", relative.leave_one_out[i]},
         {"over_own_percent", Number(values[i].over_own_percent)},
         {"over_base_percent", Number(values[i].over_base_percent)}});
  }
  return {
      {"total_nats", nats.total}, {"total_relative_percent", relative.total}, {"members", members}};
}

std::string CreditPage(const ForecastFile& file) {
  const LossMatrix& matrix = file.matrix;
  const Credit nats = ComputeCredit(matrix);
  const Credit relative = ComputeCredit(matrix, CreditUnit::kPercentOfBase);
  const std::vector<MemberValue> values = MemberValues(file);
  Table table = {{"member", "credit", "share", "leave-one-out", "relative", "its share",
                  "wins over own", "over base"}};
  for (size_t i = 0; i < matrix.own_domain.size(); ++i) {
    table.push_back({ShownName(matrix.models[i + 1]), absl::StrFormat("%.4f", nats.shapley[i]),
                     Percent(Share(nats.shapley[i], nats.total)),
                     absl::StrFormat("%.4f", nats.leave_one_out[i]), Percent(relative.shapley[i]),
                     Percent(Share(relative.shapley[i], relative.total)),
                     Percent(values[i].over_own_percent), Percent(values[i].over_base_percent)});
  }
  table.push_back({"all", absl::StrFormat("%.4f", nats.total),
                   Percent(Share(nats.total, nats.total)), "", Percent(relative.total),
                   Percent(Share(relative.total, relative.total))});
  return absl::StrCat(
      FormatTable(table),
      "credit: exact Shapley value of what all specialists win over the base, nats/token; relative:"
      "\nthe same in percent of each domain's base loss; wins: on the domains of the others, by ",
      file.fused.has_value() ? "the fused model" : "the oracle",
      ",\nagainst its own specialist and "
      "against the base (on its own domain a member wins about nothing)");
}

}  // namespace kalavai
