// Goal: every reason can be explained. Method: all rows of the table have both texts and an exit
// code of design §8.
#include "common/cli/reason_table.h"

#include <algorithm>
#include <set>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Every reason says when it happens, what to do and what the exit code is", "[cli]") {
  const std::vector<ReasonRow> rows = ReasonRows();
  REQUIRE(rows.size() > 100);
  const std::set<int> codes = {1, 2, 3, 4, 130};
  for (const ReasonRow& row : rows) {
    INFO(row.reason);
    CHECK_FALSE(row.when.empty());
    CHECK_FALSE(row.fix.empty());
    CHECK(codes.contains(row.exit_code));
  }
  CHECK(std::is_sorted(rows.begin(), rows.end(),
                       [](const ReasonRow& a, const ReasonRow& b) { return a.reason < b.reason; }));
}

TEST_CASE("A reason is found by its exact name only", "[cli]") {
  REQUIRE(FindReason("USAGE").has_value());
  CHECK(FindReason("USAGE")->exit_code == 2);
  CHECK(FindReason("COORDINATOR_UNREACHABLE")->exit_code == 3);
  CHECK(FindReason("FILE_NOT_FOUND")->exit_code == 1);
  CHECK_FALSE(FindReason("usage").has_value());
  CHECK_FALSE(FindReason("ERROR_REASON_UNSPECIFIED").has_value());
  CHECK_FALSE(FindReason("").has_value());
}

}  // namespace
}  // namespace kalavai
