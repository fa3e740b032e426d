// Goal: the page shows the figures of the report, bad ones as plainly as good ones.
// Method: an outcome by hand; the lines a reader looks for; the same with everything in order.
#include "coordinator/fusion/fusion_page.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

#include "tests/support/catch.h"
#include "tests/unit/coordinator/fusion/outcome_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("The page tells every figure once more for people", "[fusion]") {
  const std::string page = FusionPage(ExampleInputs(), ExampleRouter(), ExampleOutcome());
  for (const char* line :
       {"**12.50 %** over the best single specialist, ann (law).",
        "| base | 2.0000 | 2.0000 | 1.5000 | 2.0000 |",
        "| **fused** | 1.0625 | 1.5625 | 1.5000 | 1.3125 |",
        "| ann (law) | 50.0 % | 12.5 % | 0.0 % |", "| ann (law) | 0.5000 | 25.00 | 0.5000 |",
        "| all | 0.7500 | 37.50 | |", "general (public)", "Router efficiency: 75.0 %.",
        "- Collapse: **yes** (0.0625 nats/token above the oracle; the limit is 0.0125).",
        "- Guard: **not met**", "  - law: 6.25 % worse.", "| 4 to 63 | 1.0000 | 0.7500 |",
        "| router | `r0` |", "cy-1 (sea): QUARANTINED, COPY_OF_OTHER"}) {
    INFO(line << "\n" << page);
    CHECK(absl::StrContains(page, line));
  }
  CHECK_FALSE(absl::StrContains(page, "sea: "));  // only domains that miss the guard
  CHECK_FALSE(absl::StrContains(page, "| coverage |"));
  CHECK(absl::StrContains(page, "Mixture: probability. Seed 7,"));
  CHECK_FALSE(absl::StrContains(page, "logits"));
  ReportInputs logit = ExampleInputs();
  logit.mixture = Mixture::kLogit;
  const std::string other = FusionPage(logit, ExampleRouter(), ExampleOutcome());
  CHECK(absl::StrContains(other, "Mixture: logit. Seed 7,"));
  CHECK(absl::StrContains(other, "are of mixed logits"));
}

TEST_CASE("A fusion in order has nothing to confess", "[fusion]") {
  FusionOutcome outcome = ExampleOutcome();
  outcome.collapsed = false;
  outcome.guard_met = true;
  outcome.guard[0].met = true;
  outcome.efficiency = std::nullopt;  // the oracle gains nothing
  ReportInputs inputs = ExampleInputs();
  inputs.left_out.clear();
  const std::string page = FusionPage(inputs, {}, outcome);
  CHECK(absl::StrContains(page, "- Collapse: no"));
  CHECK(absl::StrContains(page, "- Guard: met"));
  for (const char* absent : {"% worse", "## Left out", "Router efficiency", "Fallback"}) {
    INFO(absent);
    CHECK_FALSE(absl::StrContains(page, absent));
  }
}

TEST_CASE("Every row of a table has as many cells as its header", "[fusion]") {
  const std::string page = FusionPage(ExampleInputs(), {}, ExampleOutcome());
  const std::vector<std::string> lines = absl::StrSplit(page, '\n');
  int tables = 0;
  int64_t columns = 0;
  for (const std::string& line : lines) {
    if (!absl::StartsWith(line, "|")) {
      columns = 0;
      continue;
    }
    INFO(line);
    const int64_t bars = std::count(line.begin(), line.end(), '|');
    if (columns == 0) ++tables;
    if (columns != 0) CHECK(bars == columns);
    columns = bars;
  }
  CHECK(tables >= 6);
}

}  // namespace
}  // namespace kalavai::coordinator
