#include "common/forecast/forecast_file.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/forecast/text_table.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

constexpr int64_t kShownCharacters = 80;  // of a name, in a message
constexpr char kShape[] =
    "a forecast file is {\"base\":{DOMAIN:loss},\"specialists\":{NAME:{DOMAIN:loss}}} with, if "
    "known, \"fused\":{DOMAIN:loss} and \"own\":{NAME:DOMAIN}";

// A name of the file in a message: short and printable.
std::string Shown(absl::string_view name) { return ShownName(name, kShownCharacters); }

absl::Status Refuse(absl::StatusCode code, absl::string_view reason, const std::string& path,
                    absl::string_view found, std::string why, std::string fix) {
  return MakeError(code, reason,
                   {.what = absl::StrCat(path, ": ", found),
                    .why = std::move(why),
                    .fix = std::move(fix),
                    .metadata = {{"path", path}}});
}

absl::Status Invalid(const std::string& path, absl::string_view found, std::string fix) {
  return Refuse(absl::StatusCode::kInvalidArgument, "FORECAST_FILE_INVALID", path, found, kShape,
                std::move(fix));
}

std::string KindOf(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "true or false";
  if (value.is_string()) return absl::StrCat("the string '", Shown(value.get<std::string>()), "'");
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return absl::StrCat("the number ", Shown(value.dump()));
}

// An object with at least one member, none of them with an empty name.
absl::Status CheckNamed(const Json& value, const std::string& path, absl::string_view of) {
  if (!value.is_object()) {
    return Invalid(path, absl::StrCat(KindOf(value), " found; must be an object"),
                   absl::StrCat("write {", of, ": …}"));
  }
  if (value.contains("")) {
    return Invalid(path, "an empty name found; names must have at least one byte",
                   absl::StrCat("give every ", of, " a name"));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Loss(const Json& value, const std::string& path) {
  const std::string rule = absl::StrFormat("must be a number from %g to %g", kLossMin, kLossMax);
  const double loss = value.is_number() ? value.get<double>() : 0;
  if (!value.is_number() || loss < kLossMin || loss > kLossMax) {
    return Refuse(
        absl::StatusCode::kInvalidArgument, "LOSS_MATRIX_INVALID", path,
        absl::StrCat(KindOf(value), " found; ", rule),
        "a loss is a mean cross-entropy in nats a token, and every figure of a forecast "
        "is arithmetic on it",
        "write the measured loss as a plain number, or leave the model or the domain out");
  }
  return loss;
}

// One model's losses on the domains of the base, in their order; all of them, and no others.
absl::StatusOr<std::vector<double>> Row(const Json& value, const std::string& path,
                                        const Json& base) {
  RETURN_IF_ERROR(CheckNamed(value, path, "DOMAIN"));
  for (const auto& [domain, loss] : value.items()) {
    if (!base.contains(domain)) {
      return Invalid(absl::StrCat(path, ".", Shown(domain)),
                     "a domain that $.base lacks; every domain must be one of the base's",
                     "measure the base on it, or leave the domain out");
    }
  }
  std::vector<double> row;
  for (const auto& [domain, measured] : base.items()) {
    const std::string cell = absl::StrCat(path, ".", Shown(domain));
    const auto found = value.find(domain);
    if (found == value.end()) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "EVALUATION_MISSING", cell,
                    "no loss found; every model must have one on every domain of $.base",
                    "equal weight over domains needs every model on every domain",
                    "measure it, or leave the model or the domain out of the file");
    }
    ASSIGN_OR_RETURN(const double loss, Loss(*found, cell));
    row.push_back(loss);
  }
  return row;
}

std::vector<std::string> Names(const Json& object) {
  std::vector<std::string> names;  // ReadJson sorts
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

absl::Status CheckParts(const Json& file) {
  if (!file.is_object()) {
    return Invalid("$", absl::StrCat(KindOf(file), " found; must be an object"),
                   "write the losses as an object");
  }
  for (const auto& [key, part] : file.items()) {
    if (key != "base" && key != "specialists" && key != "fused" && key != "own") {
      return Invalid(absl::StrCat("$.", Shown(key)),
                     "an unknown part; must be base, specialists, fused or own",
                     "correct its name, or leave it out");
    }
  }
  for (const char* part : {"base", "specialists"}) {
    if (!file.contains(part)) {
      return Invalid(absl::StrCat("$.", part), "absent; must be there",
                     absl::StrCat("add the part '", part, "'"));
    }
  }
  return absl::OkStatus();
}

// A part that is null is one that is not there: what our own answers write for it.
bool Given(const Json& file, const char* part) {
  return file.contains(part) && !file.at(part).is_null();
}

// Own domains of the specialists, by index.
absl::StatusOr<std::vector<int>> OwnDomains(const Json& file, const LossMatrix& matrix,
                                            const std::vector<std::string>& specialists) {
  const Json own = Given(file, "own") ? file.at("own") : Json::object();
  RETURN_IF_ERROR(CheckNamed(own, "$.own", "NAME"));
  for (const auto& [name, domain] : own.items()) {
    const std::string path = absl::StrCat("$.own.", Shown(name));
    if (!file.at("specialists").contains(name)) {
      return Invalid(path, "a name that $.specialists lacks; must be one of the specialists",
                     "correct the name, or leave it out");
    }
    if (!domain.is_string()) {
      return Invalid(path, absl::StrCat(KindOf(domain), " found; must be the name of a domain"),
                     "write the domain as a string");
    }
  }
  std::vector<int> domains;
  for (const std::string& name : specialists) {
    const bool said = own.contains(name);
    const std::string domain = said ? own.at(name).get<std::string>() : name;
    const auto found = std::find(matrix.domains.begin(), matrix.domains.end(), domain);
    if (found == matrix.domains.end()) {
      return Refuse(
          absl::StatusCode::kInvalidArgument, "OWN_DOMAIN_UNKNOWN",
          absl::StrCat(said ? "$.own." : "$.specialists.", Shown(name)),
          said ? absl::StrCat("the domain '", Shown(domain), "' found; must be one of $.base")
               : "no domain of this name in $.base; must be one, or be named in $.own",
          "a specialist's divergence is measured on its own domain",
          absl::StrFormat("say its domain: \"own\":{\"%s\":\"DOMAIN\"}", Shown(name)));
    }
    domains.push_back(static_cast<int>(found - matrix.domains.begin()));
  }
  return domains;
}

// The base's row needs a label that no specialist has.
std::string BaseLabel(const Json& specialists) {
  std::string label = "base";
  while (specialists.contains(label)) label = absl::StrCat("(", label, ")");
  return label;
}

}  // namespace

absl::StatusOr<ForecastFile> ReadForecastFile(absl::string_view text) {
  ASSIGN_OR_RETURN(const Json file, ReadJson(text));
  RETURN_IF_ERROR(CheckParts(file));
  const Json& base = file.at("base");
  const Json& specialists = file.at("specialists");
  RETURN_IF_ERROR(CheckNamed(base, "$.base", "DOMAIN"));
  RETURN_IF_ERROR(CheckNamed(specialists, "$.specialists", "NAME"));
  if (base.empty()) {
    return Invalid("$.base", "no domain found; must be at least one", "add the evaluated domains");
  }
  if (specialists.empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS", "$.specialists",
                  "none found; must be at least one, and two for a forecast",
                  "a fusion mixes specialists of different members",
                  "add the losses of a specialist");
  }
  ForecastFile result;
  LossMatrix& matrix = result.matrix;
  matrix.domains = Names(base);
  matrix.models = {BaseLabel(specialists)};
  ASSIGN_OR_RETURN(std::vector<double> base_row, Row(base, "$.base", base));
  matrix.loss.push_back(std::move(base_row));
  const std::vector<std::string> names = Names(specialists);
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(std::vector<double> row,
                     Row(specialists.at(name), absl::StrCat("$.specialists.", Shown(name)), base));
    matrix.models.push_back(name);
    matrix.loss.push_back(std::move(row));
  }
  if (Given(file, "fused")) {
    ASSIGN_OR_RETURN(result.fused, Row(file.at("fused"), "$.fused", base));
  }
  ASSIGN_OR_RETURN(matrix.own_domain, OwnDomains(file, matrix, names));
  return result;
}

}  // namespace kalavai
