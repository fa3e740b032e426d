// Goal: thread counts are taken or refused, and the machine describes itself.
// Method: set and read back; no tensor is touched.
#include "common/model/determinism.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The machine's numbers can be asked for, absurd thread counts are refused", "[model]") {
  REQUIRE_STATUS(SetThreads(-1), absl::StatusCode::kInvalidArgument, "THREADS_INVALID");
  REQUIRE_STATUS(SetThreads(1025), absl::StatusCode::kInvalidArgument, "THREADS_INVALID");
  REQUIRE_OK(SetThreads(2));
  CHECK(Threads() == 2);
  CHECK_FALSE(TorchVersion().empty());
  CHECK_FALSE(VectorLevel().empty());
}

}  // namespace
}  // namespace kalavai
