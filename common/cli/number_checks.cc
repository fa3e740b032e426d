#include "common/cli/number_checks.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace kalavai {
namespace {

// `rule`: what must hold, as "above 0".
CLI::Validator Check(std::function<bool(double)> holds, const std::string& rule,
                     const std::string& type) {
  const auto check = [holds = std::move(holds), rule](const std::string& text) -> std::string {
    double value = 0;
    const bool bare = absl::StripAsciiWhitespace(text) == text;  // CLI11 reads no blanks
    if (bare && absl::SimpleAtod(text, &value) && std::isfinite(value) && holds(value)) return "";
    return absl::StrCat("'", text, "' found; must be a number ", rule);
  };
  return CLI::Validator(check, type);
}

// "-12": no other way to write a number, so that what CLI11 reads is what was meant.
bool IsWhole(absl::string_view text) {
  const absl::string_view digits = absl::StripPrefix(text, "-");
  return !digits.empty() && std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         (digits.size() == 1 || digits[0] != '0');
}

template <typename T>
CLI::Validator CheckWhole(T min, T max, const std::string& type) {
  const auto check = [min, max](const std::string& text) -> std::string {
    T value = 0;
    if (IsWhole(text) && absl::SimpleAtoi(text, &value) && value >= min && value <= max) return "";
    const absl::string_view digits = absl::StripPrefix(text, "-");
    const bool zeros = digits.size() > 1 && digits[0] == '0' &&
                       std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
    return absl::StrCat("'", text, "' found; must be a whole number from ", min, " to ", max,
                        zeros ? ", without leading zeros" : "");
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
CLI::Validator NumberBetween(double min, double max) {
  return Check([min, max](double x) { return x >= min && x <= max; },
               absl::StrCat("from ", min, " to ", max), absl::StrCat(min, " TO ", max));
}

CLI::Validator WholeBetween(int64_t min, int64_t max) {
  return CheckWhole(min, max, absl::StrCat(min, " TO ", max));
}
CLI::Validator WholeFromZero() {
  return CheckWhole(int64_t{0}, std::numeric_limits<int64_t>::max(), "AT LEAST 0");
}
CLI::Validator WholeAboveZero() {
  return CheckWhole(int64_t{1}, std::numeric_limits<int64_t>::max(), "ABOVE 0");
}
CLI::Validator AnyUnsigned() {
  return CheckWhole(uint64_t{0}, std::numeric_limits<uint64_t>::max(), "AT LEAST 0");
}

}  // namespace kalavai
