// Goal: times cross the wire to the microsecond, also before 1970.
// Method: there and back for a few instants.
#include "common/rpc/timestamp.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("A time comes back to the microsecond") {
  for (const int64_t micros :
       {int64_t{0}, int64_t{1}, int64_t{1'795'000'000'123'456}, int64_t{-1}, int64_t{-1'000'001}}) {
    const absl::Time time = absl::FromUnixMicros(micros);
    const google::protobuf::Timestamp timestamp = ToTimestamp(time);
    INFO(micros);
    REQUIRE(timestamp.nanos() >= 0);
    REQUIRE(timestamp.nanos() < 1'000'000'000);
    REQUIRE(FromTimestamp(timestamp) == time);
  }
}

}  // namespace
}  // namespace kalavai
