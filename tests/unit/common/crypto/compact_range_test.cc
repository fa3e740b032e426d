// Goal: appending through the right edge gives the tree that all leaves together give.
// Method: every size up to 300 against RootHash of all leaves; every completed subtree against the
// root of its leaves; an edge loaded from stored nodes goes on like the one that never stopped.
#include "common/crypto/compact_range.h"

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/crypto/merkle_tree.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The edge has the root of all leaves, at every size", "[crypto]") {
  CompactRange range;
  CHECK(range.Root() == RootHash({}));
  std::vector<Digest> leaves;
  std::map<std::pair<int, uint64_t>, Digest> nodes;
  for (int i = 0; i < 300; ++i) {
    leaves.push_back(LeafHash(absl::StrCat("leaf ", i)));
    nodes[{0, static_cast<uint64_t>(i)}] = leaves.back();
    for (const TreeNode& node : range.Append(leaves.back())) {
      const size_t width = size_t{1} << node.level;
      REQUIRE((node.position + 1) * width == leaves.size());
      REQUIRE(node.hash ==
              RootHash(std::span<const Digest>(leaves).subspan(node.position * width, width)));
      REQUIRE(nodes.emplace(std::pair(node.level, node.position), node.hash).second);
    }
    REQUIRE(range.size() == leaves.size());
    REQUIRE(range.Root() == RootHash(leaves));
    const auto reader = [&](int level, uint64_t position) -> absl::StatusOr<Digest> {
      const auto found = nodes.find({level, position});
      if (found == nodes.end()) return absl::NotFoundError("no such node");
      return found->second;
    };
    REQUIRE_OK_AND_ASSIGN(CompactRange loaded, CompactRange::Load(leaves.size(), reader));
    REQUIRE(loaded.Root() == range.Root());
    CompactRange copy = range;
    copy.Append(leaves[0]);
    loaded.Append(leaves[0]);
    REQUIRE(loaded.Root() == copy.Root());
  }
  // n leaves have fewer than n subtrees above them.
  CHECK(nodes.size() < 2 * leaves.size());
}

TEST_CASE("A reader's error is the edge's error", "[crypto]") {
  const auto broken = [](int, uint64_t) -> absl::StatusOr<Digest> {
    return absl::DataLossError("gone");
  };
  CHECK(CompactRange::Load(0, broken).ok());
  CHECK(CompactRange::Load(5, broken).status().code() == absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace kalavai
