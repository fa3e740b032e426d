// Goal: only GO lets a script go on.
// Method: every verdict.
#include "common/prediction/verdict_check.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Every verdict but GO is an error that repeats the reason", "[prediction]") {
  REQUIRE_OK(RequireGo("GO", "all is well"));
  for (const char* verdict : {"NO_GO", "UNSURE", "", "go"}) {
    REQUIRE_STATUS(RequireGo(verdict, "too little"), absl::StatusCode::kFailedPrecondition,
                   "PREDICTION_NOT_GO");
  }
}

}  // namespace
}  // namespace kalavai
