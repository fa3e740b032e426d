// Goal: leaves are numbered from 0 without gaps, and a number is given once.
// Method: appends at the right, a used and a future index; pages over the whole log.
#include "coordinator/transparency/transparency_log.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

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

// A log of `count` leaves; also what its tree must be, computed from the leaves alone.
struct Grown {
  explicit Grown(const std::string& path, int64_t count) : database(OpenMigrated(path)) {
    for (int64_t i = 0; i < count; ++i) Add(i);
  }
  void Add(int64_t i) {
    const std::string leaf = absl::StrCat("leaf ", i);
    hashes.push_back(LeafHash(leaf));
    REQUIRE_OK(database->Transact([&] { return log.Append(i, leaf, kNow); }));
  }
  std::unique_ptr<Database> database;
  TransparencyLog log{*database};
  std::vector<Digest> hashes;
};

TEST_CASE("The stored tree is the tree of the leaves, and its proofs hold") {
  const testing::TempDir temp;
  Grown grown(temp.File("db"), 0);
  CHECK(grown.log.State().value() == TreeState{.size = 0, .root = RootHash({})});
  REQUIRE_OK(grown.log.Prepare());
  std::vector<TreeState> states = {grown.log.State().value()};
  for (int64_t i = 0; i < 33; ++i) {
    grown.Add(i);
    REQUIRE_OK_AND_ASSIGN(const TreeState state, grown.log.State());
    REQUIRE(state == TreeState{.size = grown.hashes.size(), .root = RootHash(grown.hashes)});
    REQUIRE(grown.log.Verify().value() == state);
    states.push_back(state);
  }
  for (const TreeState& later : states) {
    for (uint64_t index = 0; index < later.size; ++index) {
      const auto proof = grown.log.ProveInclusion({.index = index, .size = later.size}).value();
      REQUIRE(proof == InclusionProof(std::span(grown.hashes).first(later.size), index).value());
    }
    for (uint64_t first = 0; first <= later.size; ++first) {
      const auto proof = grown.log.ProveConsistency(first, later.size).value();
      REQUIRE_OK(VerifyConsistency(states[first], later, proof));
    }
  }
  const auto invalid = absl::StatusCode::kInvalidArgument;
  for (const uint64_t size : {uint64_t{34}, uint64_t{1} << 63, ~uint64_t{0}}) {
    REQUIRE_STATUS(grown.log.ProveInclusion({.index = 0, .size = size}), invalid, "PROOF_INVALID");
    REQUIRE_STATUS(grown.log.ProveConsistency(1, size), invalid, "PROOF_INVALID");
  }
  REQUIRE_STATUS(grown.log.ProveInclusion({.index = 5, .size = 5}), invalid, "PROOF_INVALID");
  REQUIRE_STATUS(grown.log.ProveConsistency(6, 5), invalid, "PROOF_INVALID");
}

TEST_CASE("An append that is rolled back leaves leaves, tree and root as they were") {
  const testing::TempDir temp;
  Grown grown(temp.File("db"), 7);
  const TreeState before = grown.log.State().value();
  const absl::Status failed = grown.database->Transact([&]() -> absl::Status {
    REQUIRE_OK(grown.log.Append(7, "never", kNow));
    CHECK(grown.log.State()->size == 8);
    return absl::AbortedError("the act failed");
  });
  CHECK(absl::IsAborted(failed));
  CHECK(grown.log.State().value() == before);
  CHECK(grown.log.Verify().value() == before);
  REQUIRE_STATUS(grown.database->Transact([&] { return grown.log.Append(9, "gap", kNow); }),
                 absl::StatusCode::kDataLoss, "LOG_DAMAGED");
  CHECK(grown.log.Verify().value() == before);
}

TEST_CASE("A log from before trees were kept gets its tree, and the same root") {
  const testing::TempDir temp;
  Grown grown(temp.File("db"), 21);
  const TreeState state = grown.log.State().value();
  REQUIRE_OK(grown.database->ExecuteScript(
      "DROP TRIGGER log_nodes_no_delete; DROP TRIGGER log_state_no_delete; "
      "DELETE FROM log_nodes; DELETE FROM log_state;"));
  REQUIRE_OK(grown.log.Prepare());
  CHECK(grown.log.State().value() == state);
  grown.Add(21);
  REQUIRE_OK(grown.log.Prepare());
}

TEST_CASE("Every change of what is stored is found") {
  for (const std::string change :
       {"DROP TRIGGER log_entries_no_update; UPDATE log_entries SET leaf = 'x' WHERE log_index = "
        "3;",
        "DROP TRIGGER log_entries_no_update; UPDATE log_entries SET leaf_hash = zeroblob(32) "
        "WHERE log_index = 3;",
        "DROP TRIGGER log_entries_no_delete; DELETE FROM log_entries WHERE log_index = 9;",
        "DROP TRIGGER log_entries_no_delete; DELETE FROM log_entries WHERE log_index = 0;",
        "DROP TRIGGER log_nodes_no_update; UPDATE log_nodes SET hash = zeroblob(32) "
        "WHERE level = 2 AND position = 1;",
        "DROP TRIGGER log_nodes_no_delete; DELETE FROM log_nodes WHERE level = 1;",
        "INSERT INTO log_nodes VALUES (7, 0, zeroblob(32));",
        "DROP TRIGGER log_state_no_delete; DELETE FROM log_state; "
        "INSERT INTO log_state VALUES (1, 9, zeroblob(32));",
        "DROP TRIGGER log_state_grows; UPDATE log_state SET root_hash = zeroblob(32);"}) {
    INFO(change);
    const testing::TempDir temp;
    Grown grown(temp.File("db"), 10);
    REQUIRE_OK(grown.log.Prepare());
    REQUIRE_OK(grown.database->ExecuteScript(change));
    REQUIRE_STATUS(grown.log.Prepare(), absl::StatusCode::kDataLoss, "LOG_DAMAGED");
  }
}

TEST_CASE("The schema itself refuses to shrink or change the record") {
  const testing::TempDir temp;
  Grown grown(temp.File("db"), 4);
  for (const char* sql :
       {"UPDATE log_entries SET leaf = 'x'", "DELETE FROM log_entries",
        "UPDATE log_nodes SET hash = zeroblob(32)", "DELETE FROM log_nodes",
        "UPDATE log_state SET log_size = 3", "UPDATE log_state SET root_hash = zeroblob(32)",
        "DELETE FROM log_state"}) {
    INFO(sql);
    CHECK_FALSE(grown.database->Execute(sql).ok());
  }
  REQUIRE_OK(grown.log.Prepare());
}

}  // namespace
}  // namespace kalavai::coordinator
