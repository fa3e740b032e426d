// Goal: a token continues its own list and no other.
// Method: there and back; another request, damaged tokens; page sizes at their borders.
#include "common/rpc/page_token.h"

#include <cstdint>
#include <string>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("A token gives its position back to the same request only") {
  const std::string token = FormatPageToken("ListX cooperatives/a", "st-mary");
  REQUIRE(*ParsePageToken("ListX cooperatives/a", token) == "st-mary");
  REQUIRE(ParsePageToken("ListX cooperatives/a", "")->empty());
  for (const std::string& bad : {token.substr(1), std::string("!"), std::string("AAAA"),
                                 FormatPageToken("ListX cooperatives/b", "st-mary")}) {
    INFO(bad);
    REQUIRE_STATUS(ParsePageToken("ListX cooperatives/a", bad), absl::StatusCode::kInvalidArgument,
                   "PAGE_TOKEN_INVALID");
  }
  REQUIRE_STATUS(ParsePageToken("ListX cooperatives/b", token), absl::StatusCode::kInvalidArgument,
                 "PAGE_TOKEN_INVALID");
}

TEST_CASE("Page sizes are 1 to 500, 100 by default") {
  REQUIRE(*PageSize(0) == 100);
  REQUIRE(*PageSize(1) == 1);
  REQUIRE(*PageSize(500) == 500);
  REQUIRE(*PageSize(501) == 500);
  REQUIRE(*PageSize(INT64_MAX) == 500);
  for (const int64_t size : {int64_t{-1}, int64_t{INT32_MIN}, INT64_MIN}) {
    REQUIRE_STATUS(PageSize(size), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  }
}

}  // namespace
}  // namespace kalavai
