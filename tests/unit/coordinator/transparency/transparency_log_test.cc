// Goal: leaves are numbered from 0 without gaps, and a number is given once.
// Method: appends at the right, a used and a future index; pages over the whole log.
#include "coordinator/transparency/transparency_log.h"

#include "absl/strings/str_cat.h"

#include "common/crypto/merkle_tree.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Pages of the log are the log") {
  const testing::TempDir temp;
  const auto database = OpenMigrated(temp.File("db"));
  TransparencyLog log(*database);
  CHECK(log.Size().value() == 0);
  CHECK(log.List(0, 10).value().empty());
  for (int64_t i = 0; i < 5; ++i) {
    REQUIRE_OK(log.Append(i, absl::StrCat("leaf ", i), kNow + absl::Seconds(i)));
    CHECK(log.Size().value() == i + 1);
  }
  int64_t next = 0;
  while (true) {
    REQUIRE_OK_AND_ASSIGN(const std::vector<LogLeaf> page, log.List(next, 2));
    if (page.empty()) break;
    REQUIRE(page.size() <= 2);
    for (const LogLeaf& leaf : page) {
      CHECK(leaf.index == next);
      CHECK(leaf.leaf == absl::StrCat("leaf ", next));
      CHECK(leaf.leaf_hash == LeafHash(leaf.leaf));
      CHECK(leaf.time == kNow + absl::Seconds(next));
      ++next;
    }
  }
  CHECK(next == 5);
}

TEST_CASE("An index is used once") {
  const testing::TempDir temp;
  const auto database = OpenMigrated(temp.File("db"));
  TransparencyLog log(*database);
  REQUIRE_OK(log.Append(0, "first", kNow));
  CHECK_FALSE(log.Append(0, "another first", kNow).ok());
  CHECK(log.Size().value() == 1);
  CHECK(log.List(0, 1).value()[0].leaf == "first");
}

}  // namespace
}  // namespace kalavai::coordinator
