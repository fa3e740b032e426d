#include "common/cli/number_checks.h"

#include <cmath>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace kalavai {
namespace {

// `rule`: what must hold, as "above 0".
CLI::Validator Check(bool (*holds)(double), const std::string& rule, const std::string& type) {
  const auto check = [holds, rule](const std::string& text) -> std::string {
    double value = 0;
    if (absl::SimpleAtod(text, &value) && std::isfinite(value) && holds(value)) return "";
    return absl::StrCat("'", text, "' found; must be a number ", rule);
  };
  return CLI::Validator(check, type);
}

}  // namespace

CLI::Validator NotNegative() {
  return Check([](double x) { return x >= 0.0; }, "that is at least 0", "AT LEAST 0");
}
CLI::Validator Positive() {
  return Check([](double x) { return x > 0.0; }, "above 0", "ABOVE 0");
}
CLI::Validator ShareAboveZero() {
  return Check([](double x) { return x > 0.0 && x <= 1.0; }, "above 0 and at most 1", "(0, 1]");
}

}  // namespace kalavai
