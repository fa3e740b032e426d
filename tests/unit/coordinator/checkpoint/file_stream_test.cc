// Goal: ranges follow google.bytestream's rules.
// Method: offsets and limits at and beyond their borders.
#include "coordinator/checkpoint/file_stream.h"

#include <limits>

#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Ranges end at the file's end") {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  REQUIRE(ResolveRange({}, 100, 0, 0)->end == 100);
  REQUIRE(ResolveRange({}, 100, 100, 0)->offset == 100);
  REQUIRE(ResolveRange({}, 100, 10, 20)->end == 30);
  REQUIRE(ResolveRange({}, 100, 99, kMax)->end == 100);
  for (const int64_t offset : {int64_t{-1}, int64_t{101}, kMax}) {
    REQUIRE_STATUS(ResolveRange({}, 100, offset, 0), absl::StatusCode::kOutOfRange,
                   "OFFSET_MISMATCH");
  }
  REQUIRE_STATUS(ResolveRange({}, 100, 0, -1), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
}

}  // namespace
}  // namespace kalavai::coordinator
