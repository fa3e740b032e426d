// Goal: the refusals of tensors that do not fit say what was found and what fits.
// Method: the reasons and the numbers in the message.
#include "common/model/shape_error.h"

#include <string>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("A tensor that does not fit is refused with what was found", "[model]") {
  REQUIRE_STATUS(ShapeMismatch("x: [2] found"), absl::StatusCode::kInvalidArgument,
                 "SHAPE_MISMATCH");
  const absl::Status status = ContextExceeded(9, 8, "the capacity of the cache");
  REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "CONTEXT_EXCEEDED");
  const std::string message(status.message());
  CHECK(message.find("9 tokens found; must be at most 8, the capacity of the cache") !=
        std::string::npos);
}

}  // namespace
}  // namespace kalavai
