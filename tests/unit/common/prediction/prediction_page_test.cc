// Goal: a page shows every estimate with its interval and marks whose it is.
// Method: a prediction by hand, with and without what may be absent.
#include "common/prediction/prediction_page.h"

#include "absl/strings/match.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

v1::Prediction Example() {
  v1::Prediction prediction;
  prediction.set_name("cooperatives/c/predictions/prediction-00000001");
  prediction.set_verdict(v1::Prediction::GO);
  prediction.set_reason("enough to win");
  prediction.set_basis("coverage");
  prediction.set_calibration("published6");
  prediction.set_calibration_points(6);
  for (v1::Estimate* estimate : {prediction.mutable_coverage(), prediction.mutable_line()}) {
    estimate->set_value(8.25);
    estimate->set_low(7.5);
    estimate->set_high(9);
  }
  for (const char* member : {"ann", "bo"}) {
    v1::MemberValue& value = *prediction.add_member_values();
    value.set_contributor(std::string("cooperatives/c/contributors/") + member);
    value.set_other_domains_percent(12.5);
    v1::Measurement& measured = *prediction.add_measurements();
    measured.set_domain(std::string(member) + "-text");
    measured.set_base_loss(4);
    measured.set_own_loss(3);
  }
  return prediction;
}

TEST_CASE("A list has a line a prediction, with the estimate it rests on", "[prediction]") {
  v1::ListPredictionsResponse list;
  CHECK(PredictionListPage(list) == "no prediction yet");
  *list.add_predictions() = Example();
  list.mutable_predictions(0)->mutable_create_time()->set_seconds(1700000000);
  v1::Prediction& other = *list.add_predictions() = Example();
  other.set_verdict(v1::Prediction::NO_GO);
  other.set_basis("oracle");
  other.mutable_oracle()->set_value(0.25);
  *list.add_predictions() = Example();
  for (const char* strange : {"", "name", "of a later version"}) {
    list.mutable_predictions(2)->set_basis(strange);
    const std::string page = PredictionListPage(list);
    INFO(page);
    for (const char* part : {"prediction-00000001", "2023-11-14T22:13:20Z", "coverage  8.25 %",
                             "[7.50, 9.00]", "NO_GO", "oracle  0.25 %"}) {
      CHECK(absl::StrContains(page, part));
    }
  }
}

TEST_CASE("Every estimate has its interval; the reader is marked", "[prediction]") {
  v1::Prediction prediction = Example();
  const std::string page = PredictionPage(prediction, "cooperatives/c/contributors/bo");
  INFO(page);
  for (const char* part :
       {"GO: enough to win", "[7.50, 9.00]  <- the verdict rests on this", "published6, 6 points",
        "* bo", "bo-text", "25.00 %", "12.50 %", "prediction-00000001"}) {
    CHECK(absl::StrContains(page, part));
  }
  CHECK_FALSE(absl::StrContains(page, "oracle"));
  CHECK_FALSE(absl::StrContains(page, "* ann"));
  CHECK_FALSE(absl::StrContains(page, "outside"));
  CHECK_FALSE(absl::StrContains(page, "rows"));
  prediction.set_rows_note("rows not yet measured: ann on bo-text");
  CHECK(absl::StrContains(PredictionPage(prediction, ""), "ann on bo-text"));
  prediction.clear_name();
  prediction.set_outside_fitted_range(true);
  prediction.mutable_rows()->set_value(7);
  prediction.mutable_oracle()->set_value(6);
  prediction.mutable_member_values(0)->set_gain_without_percent(3.5);
  const std::string more = PredictionPage(prediction, "");
  for (const char* part : {"rows         7.00 %", "oracle", "outside their range", "3.50 %",
                           "nothing was stored"}) {
    CHECK(absl::StrContains(more, part));
  }
}

}  // namespace
}  // namespace kalavai
