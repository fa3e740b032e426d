#include "contributor/prediction/measured_row.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/forecast/interval.h"

namespace kalavai::contributor {
namespace {

constexpr char kSchema[] = "kalavai.row/1";
constexpr double kGrowthMax = 10;  // a pilot of a tenth of the effect says little of the whole

double MeanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

absl::Status NotExtrapolated(std::string what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PILOT_NOT_EXTRAPOLATED",
                   {.what = std::move(what),
                    .why = "what a pilot does to other domains grows with its own improvement",
                    .fix = "run a longer pilot, or the whole training, then measure again"});
}

absl::Status NotARow(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID",
                   {.what = absl::StrCat("row.json: ", what),
                    .fix = "delete it, then 'kalavai predict --rows' again"});
}

absl::StatusOr<std::vector<double>> ReadLosses(const nlohmann::json& json, const char* key) {
  std::vector<double> losses;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return NotARow(absl::StrCat(key, ": no list"));
  for (const nlohmann::json& value : *found) {
    if (!value.is_number() || !(value.get<double>() > 0)) {
      return NotARow(absl::StrCat(key, ": must be losses above 0"));
    }
    losses.push_back(value.get<double>());
  }
  return losses;
}

absl::StatusOr<MeasuredDomain> ReadDomain(const nlohmann::json& json) {
  MeasuredDomain domain;
  ASSIGN_OR_RETURN(domain.text_digest, JsonString(json, "text_sha256"));
  ASSIGN_OR_RETURN(domain.tokens, JsonInt(json, "tokens"));
  ASSIGN_OR_RETURN(domain.documents, JsonInt(json, "documents"));
  ASSIGN_OR_RETURN(domain.left_out, JsonInt(json, "left_out"));
  ASSIGN_OR_RETURN(domain.base, ReadLosses(json, "base"));
  ASSIGN_OR_RETURN(domain.own, ReadLosses(json, "own"));
  if (!domain.base.empty() && !domain.own.empty() && domain.base.size() != domain.own.size()) {
    return NotARow("base and own: must be as many");
  }
  if (domain.tokens <= 0) return NotARow("tokens: must be positive");
  return domain;
}

}  // namespace

void MeasuredRow::KeepOnly(const std::string& base_digest, const std::string& specialist_digest) {
  if (base != base_digest) domains.clear();
  if (specialist != specialist_digest) {
    for (auto& [name, domain] : domains) domain.own.clear();
  }
  base = base_digest;
  specialist = specialist_digest;
}

MeasuredDomain& MeasuredRow::Entry(const DomainText& text) {
  MeasuredDomain& entry = domains[text.domain];
  if (entry.text_digest != text.digest) entry = {.text_digest = text.digest};
  entry.tokens = text.chunks.count() * (text.chunks.chunk_tokens - 1);
  entry.documents = text.documents;
  entry.left_out = text.left_out;
  return entry;
}

std::string FormatMeasuredRow(const MeasuredRow& row) {
  nlohmann::json domains = nlohmann::json::object();
  for (const auto& [name, domain] : row.domains) {
    domains[name] = {{"text_sha256", domain.text_digest},
                     {"tokens", domain.tokens},
                     {"documents", domain.documents},
                     {"left_out", domain.left_out},
                     {"base", domain.base},
                     {"own", domain.own}};
  }
  const nlohmann::json json = {{"schema", kSchema},
                               {"base", row.base},
                               {"specialist", row.specialist},
                               {"domains", domains}};
  return json.dump() + "\n";
}

absl::StatusOr<MeasuredRow> ParseMeasuredRow(absl::string_view text) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(text));
  ASSIGN_OR_RETURN(const std::string schema, JsonString(json, "schema"));
  if (schema != kSchema) return NotARow(absl::StrCat("schema: must be ", kSchema));
  MeasuredRow row;
  ASSIGN_OR_RETURN(row.base, JsonString(json, "base"));
  ASSIGN_OR_RETURN(row.specialist, JsonString(json, "specialist"));
  const auto domains = json.find("domains");
  if (domains == json.end() || !domains->is_object()) return NotARow("domains: no object");
  for (const auto& [name, domain] : domains->items()) {
    ASSIGN_OR_RETURN(row.domains[name], ReadDomain(domain));
  }
  return row;
}

absl::StatusOr<Growth> GrowthOf(const TrainingReport& report) {
  if (!report.pilot) return Growth{};
  if (!(report.measured_loss > 0)) {
    return NotExtrapolated("report.json: no measured_loss; must say what the pilot itself reached");
  }
  const double pilot = report.base_loss - report.measured_loss;
  const double full = report.base_loss - report.own_loss;
  if (!(pilot > 0) || !(full > 0)) {
    return NotExtrapolated(absl::StrCat("pilot: improves on the base by ", pilot,
                                        " nats/token, its full run by ", full,
                                        "; both must be above 0"));
  }
  const double factor = full / pilot;
  if (factor > kGrowthMax) {
    return NotExtrapolated(absl::StrCat("pilot: improves on the base by ", pilot,
                                        " nats/token, its full run by ", factor,
                                        " times that; must be at most ", kGrowthMax));
  }
  return Growth{.factor = factor, .relative_error = report.improvement_standard_error / full};
}

absl::StatusOr<std::vector<v1::DomainLosses>> ReportedRow(const MeasuredRow& row,
                                                          const Growth& growth) {
  std::vector<v1::DomainLosses> reported;
  for (const auto& [name, domain] : row.domains) {
    if (domain.base.empty() || domain.own.empty()) continue;
    const double base = MeanOf(domain.base);
    const double change = growth.factor * (base - MeanOf(domain.own));
    if (!(base - change > 0)) {
      return NotExtrapolated(absl::StrCat("domain '", name, "': a loss of ", base,
                                          " nats/token would fall by ", change,
                                          "; must stay above 0"));
    }
    v1::DomainLosses& losses = reported.emplace_back();
    losses.set_domain(name);
    losses.set_base_loss(base);
    losses.set_own_loss(base - change);
    losses.set_tokens(domain.tokens);
    losses.set_improvement_standard_error(
        std::hypot(growth.factor * PairedStandardError(domain.base, domain.own),
                   change * growth.relative_error));
    losses.set_text_sha256(domain.text_digest);
  }
  return reported;
}

}  // namespace kalavai::contributor
