// Goal: a member sees what was reported of it, what was left out and what could not be measured.
// Method: a report by hand.
#include "contributor/prediction/row_page.h"

#include "absl/strings/match.h"

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai::contributor {
namespace {

TEST_CASE("Reported figures, left-out documents and refusals are shown", "[rows]") {
  RowReport report;
  v1::DomainLosses& losses = report.reported.emplace_back();
  losses.set_domain("law");
  losses.set_base_loss(4);
  losses.set_own_loss(3.5);
  losses.set_tokens(992);
  report.measured.domains["law"] = {.documents = 9, .left_out = 2};
  report.refused.push_back(
      {.domain = "sea",
       .status = MakeError(absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_TRAINED_ON",
                           {.what = "all of it was trained on"})});
  const std::string page = RowPage(report);
  INFO(page);
  for (const char* const part :
       {"law", "4.0000", "3.5000", "-12.50 %", "992", "2 of 9", "all of it was trained on"}) {
    CHECK(absl::StrContains(page, part));
  }
  CHECK_FALSE(absl::StrContains(page, "pilot"));
  const nlohmann::json json = RowJson(report);
  CHECK(json["row"]["law"]["change_percent"] == -12.5);
  CHECK(json["row"]["law"]["left_out"] == 2);
  CHECK(json["row_refused"]["sea"]["reason"] == "PROBE_TEXT_TRAINED_ON");
  CHECK_FALSE(json.contains("row_growth"));
  report.growth.factor = 2.5;
  CHECK(absl::StrContains(RowPage(report), "2.50 times"));
  CHECK(RowJson(report)["row_growth"] == 2.5);
}

}  // namespace
}  // namespace kalavai::contributor
