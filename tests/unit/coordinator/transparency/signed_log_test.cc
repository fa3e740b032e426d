// Goal: what a signed log hands out convinces somebody who has nothing but its verifier key.
// Method: heads and evidence of every leaf while the log grows, verified with the functions a
// member uses; appends and heads on two threads at once.
#include "coordinator/transparency/signed_log.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/crypto/merkle_tree.h"
#include "common/crypto/tree_head.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Every leaf is provable under the head of its time and of later times") {
  const testing::TempDir temp;
  const auto database = OpenMigrated(temp.File("db"));
  TransparencyLog log(*database);
  const SignedLog signed_log(log, NoteSigner::Create("kalavai/test").value());
  const NoteVerifier& key = signed_log.verifier();
  CHECK(VerifyTreeHead(signed_log.Head().value(), key)->size == 0);
  for (int64_t i = 0; i < 20; ++i) {
    REQUIRE_OK(log.Append(i, absl::StrCat("leaf ", i), kNow));
    CHECK(signed_log.Head().value() == signed_log.Head().value());
    for (int64_t leaf = 0; leaf <= i; ++leaf) {
      REQUIRE_OK_AND_ASSIGN(const LeafEvidence evidence, signed_log.Prove(leaf));
      REQUIRE_OK_AND_ASSIGN(const TreeState state, VerifyTreeHead(evidence.tree_head, key));
      REQUIRE(state.size == static_cast<uint64_t>(i) + 1);
      REQUIRE(evidence.leaf == absl::StrCat("leaf ", leaf));
      REQUIRE_OK(VerifyInclusion({.index = static_cast<uint64_t>(leaf), .size = state.size},
                                 LeafHash(evidence.leaf), evidence.inclusion_proof, state.root));
    }
  }
  REQUIRE_STATUS(signed_log.Prove(20), absl::StatusCode::kInvalidArgument, "PROOF_INVALID");
}

TEST_CASE("Heads taken while leaves are appended are all of one log") {
  const testing::TempDir temp;
  const auto database = OpenMigrated(temp.File("db"));
  TransparencyLog log(*database);
  const SignedLog signed_log(log, NoteSigner::Create("kalavai/test").value());
  constexpr int64_t kLeaves = 60;
  std::thread writer([&] {
    for (int64_t i = 0; i < kLeaves; ++i) {
      static_cast<void>(
          database->Transact([&] { return log.Append(i, absl::StrCat("leaf ", i), kNow); }));
    }
  });
  std::vector<TreeState> seen;
  while (seen.empty() || seen.back().size < static_cast<uint64_t>(kLeaves)) {
    const auto head = signed_log.Head();
    if (!head.ok()) break;
    seen.push_back(VerifyTreeHead(*head, signed_log.verifier()).value());
  }
  writer.join();
  REQUIRE(log.State()->size == kLeaves);
  for (size_t i = 1; i < seen.size(); ++i) {
    const auto proof = log.ProveConsistency(seen[i - 1].size, seen[i].size).value();
    REQUIRE_OK(VerifyConsistency(seen[i - 1], seen[i], proof));
  }
}

}  // namespace
}  // namespace kalavai::coordinator
