// Goal: flags become the request they say.
// Method: good and bad texts.
#include "common/prediction/what_if_request.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Members and plans travel as typed", "[prediction]") {
  REQUIRE_OK_AND_ASSIGN(const v1::ForecastWhatIfRequest request,
                        WhatIfRequest("cooperatives/c", "own", {"ann"}, {"welsh:5:4"}));
  CHECK(request.parent() == "cooperatives/c");
  CHECK(request.calibration() == "own");
  CHECK(request.without(0) == "ann");
  CHECK(request.planned(0).domain() == "welsh");
  CHECK(request.planned(0).own_loss() == 4);
  REQUIRE_STATUS(WhatIfRequest("c", "all", {}, {"welsh"}), absl::StatusCode::kInvalidArgument,
                 "WHAT_IF_INVALID");
}

}  // namespace
}  // namespace kalavai
