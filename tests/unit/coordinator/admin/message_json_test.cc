// Goal: --format json has the API's names and plain numbers.
// Method: one message with every kind of field.
#include "coordinator/admin/message_json.h"

#include "kalavai/v1/prediction.pb.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("A message becomes an object with the names of its fields") {
  v1::Prediction message;
  message.set_name("p");
  message.set_verdict(v1::Prediction::NO_GO);
  message.mutable_line()->set_value(1.5);
  v1::Measurement& measurement = *message.add_measurements();
  measurement.set_held_out_tokens(9'007'199'254'740'993);
  measurement.mutable_report_time()->set_seconds(1);
  const nlohmann::json object = MessageJson(message);
  REQUIRE(object.at("name") == "p");
  REQUIRE(object.at("verdict") == "NO_GO");
  REQUIRE(object.at("line").at("value") == 1.5);
  REQUIRE_FALSE(object.contains("oracle"));
  REQUIRE(object.at("outside_fitted_range") == false);
  REQUIRE(object.at("member_values").is_array());
  REQUIRE(object.at("member_values").empty());
  REQUIRE(object.at("measurements")[0].at("held_out_tokens") == 9'007'199'254'740'993);
  REQUIRE(object.at("measurements")[0].at("report_time") == "1970-01-01T00:00:01.000000Z");
}

}  // namespace
}  // namespace kalavai::coordinator
