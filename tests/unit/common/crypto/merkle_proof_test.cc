// Goal: a proof convinces exactly when it is true.
// Method: every leaf of every tree and every pair of trees up to 70 leaves, generated and verified;
// each valid proof then in every kind of wrong company (the mutations of the probes that
// Certificate Transparency libraries share); RFC 6962's own example proofs; absurd sizes.
#include "common/crypto/merkle_proof.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/hex.h"
#include "common/crypto/merkle_tree.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;
constexpr uint64_t kSizes = 70;

std::vector<Digest> Leaves(uint64_t count) {
  std::vector<Digest> leaves;
  for (uint64_t i = 0; i < count; ++i) leaves.push_back(LeafHash(absl::StrCat("leaf ", i)));
  return leaves;
}

Digest Flipped(const Digest& digest, size_t bit) {
  std::string bytes(digest.bytes());
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return Digest::FromBytes(bytes).value();
}

// Every proof of the same kind that differs from `proof`: shortened, lengthened at both ends, each
// hash changed, two swapped.
std::vector<std::vector<Digest>> WrongProofs(const std::vector<Digest>& proof, const Digest& root) {
  std::vector<std::vector<Digest>> wrong;
  const auto add = [&](std::vector<Digest> other) {
    if (other != proof) wrong.push_back(std::move(other));
  };
  for (const Digest& extra : {root, Digest(), RootHash({})}) {
    auto longer = proof;
    longer.push_back(extra);
    add(longer);
    longer = proof;
    longer.insert(longer.begin(), extra);
    add(longer);
  }
  if (!proof.empty()) {
    add({proof.begin(), proof.end() - 1});
    add({proof.begin() + 1, proof.end()});
    add({});
    add({proof.rbegin(), proof.rend()});
  }
  for (size_t i = 0; i < proof.size(); ++i) {
    auto changed = proof;
    changed[i] = Flipped(changed[i], (i * 37) % 256);
    add(changed);
    changed = proof;
    changed[i] = Digest();
    add(changed);
  }
  auto very_long = proof;
  very_long.resize(200);
  add(very_long);
  return wrong;
}

absl::Status Included(uint64_t index, uint64_t size, const Digest& leaf,
                      const std::vector<Digest>& proof, const Digest& root) {
  return VerifyInclusion({.index = index, .size = size}, leaf, proof, root);
}

#define REQUIRE_REFUSED(expr) REQUIRE_STATUS(expr, StatusCode::kInvalidArgument, "PROOF_INVALID")

TEST_CASE("Every leaf of every tree has a proof, and only for itself", "[crypto]") {
  const std::vector<Digest> all = Leaves(kSizes);
  for (uint64_t size = 1; size <= kSizes; ++size) {
    const std::span<const Digest> leaves(all.data(), size);
    const Digest root = RootHash(leaves);
    for (uint64_t index = 0; index < size; ++index) {
      INFO("leaf " << index << " of " << size);
      REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> proof, InclusionProof(leaves, index));
      const Digest& leaf = all[index];
      REQUIRE(Included(index, size, leaf, proof, root).ok());
      REQUIRE_FALSE(Included(index, size, Flipped(leaf, 7), proof, root).ok());
      REQUIRE_FALSE(Included(index, size, leaf, proof, Flipped(root, 255)).ok());
      REQUIRE((size == 1 || !Included(index, size, root, proof, leaf).ok()));
      for (uint64_t other = 0; other < kSizes + 2; ++other) {
        REQUIRE((other == index || !Included(other, size, leaf, proof, root).ok()));
      }
      for (const uint64_t other : {index ^ 2, uint64_t{1} << 40, ~uint64_t{0}}) {
        REQUIRE_FALSE(Included(other, size, leaf, proof, root).ok());
      }
      for (const auto& wrong : WrongProofs(proof, root)) {
        REQUIRE_FALSE(Included(index, size, leaf, wrong, root).ok());
      }
    }
  }
}

// A proof's shape is a function of index and size; another size that gives the same shape leads to
// the same root, so that a size is only as good as the head that carries it. What must not happen
// is that another shape passes.
TEST_CASE("A proof of another shape than the claimed size's is refused", "[crypto]") {
  const std::vector<Digest> all = Leaves(kSizes);
  for (uint64_t size = 1; size <= kSizes; ++size) {
    const std::span<const Digest> leaves(all.data(), size);
    const Digest root = RootHash(leaves);
    for (uint64_t index = 0; index < size; ++index) {
      const std::vector<Digest> proof = InclusionProof(leaves, index).value();
      for (const uint64_t other :
           {uint64_t{0}, index, size * 2, size * 4 + 1, uint64_t{1} << 63, ~uint64_t{0}}) {
        INFO("leaf " << index << " of " << size << " claimed of " << other);
        if (other == size) continue;
        REQUIRE_REFUSED(Included(index, other, all[index], proof, root));
      }
    }
  }
}

TEST_CASE("Every tree begins with every earlier tree, and with no other", "[crypto]") {
  const std::vector<Digest> all = Leaves(kSizes);
  for (uint64_t second = 0; second <= kSizes; ++second) {
    const std::span<const Digest> leaves(all.data(), second);
    const TreeState later = {.size = second, .root = RootHash(leaves)};
    for (uint64_t first = 0; first <= second; ++first) {
      INFO(first << " to " << second);
      const TreeState earlier = {.size = first, .root = RootHash(leaves.first(first))};
      REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> proof, ConsistencyProof(leaves, first));
      REQUIRE(VerifyConsistency(earlier, later, proof).ok());
      REQUIRE_FALSE(
          VerifyConsistency({.size = first, .root = Flipped(earlier.root, 0)}, later, proof).ok());
      // From nothing to anything there is nothing to check but the head itself.
      if (first > 0) {
        REQUIRE_FALSE(
            VerifyConsistency(earlier, {.size = second, .root = Flipped(later.root, 9)}, proof)
                .ok());
      }
      for (const auto& wrong : WrongProofs(proof, later.root)) {
        REQUIRE_FALSE(VerifyConsistency(earlier, later, wrong).ok());
      }
      if (first < second && first > 0) {
        REQUIRE_FALSE(VerifyConsistency(later, earlier, proof).ok());
        REQUIRE_FALSE(VerifyConsistency({.size = first, .root = later.root},
                                        {.size = second, .root = earlier.root}, proof)
                          .ok());
      }
      for (uint64_t other = 1; other < kSizes; ++other) {
        if (other == first || first == 0) continue;
        REQUIRE_FALSE(VerifyConsistency({.size = other, .root = earlier.root}, later, proof).ok());
      }
    }
  }
}

TEST_CASE("A tree that changed an old leaf is not consistent, whatever proof it makes",
          "[crypto]") {
  for (uint64_t second = 1; second <= 40; ++second) {
    for (uint64_t first = 1; first <= second; ++first) {
      const std::vector<Digest> honest = Leaves(first);
      std::vector<Digest> forged = Leaves(second);
      forged[(first - 1) / 2] = LeafHash("forged");
      const std::vector<Digest> proof = ConsistencyProof(forged, first).value();
      REQUIRE_REFUSED(VerifyConsistency({.size = first, .root = RootHash(honest)},
                                        {.size = second, .root = RootHash(forged)}, proof));
    }
  }
}

TEST_CASE("Sizes near 2^64 are answered at once", "[crypto]") {
  const std::vector<Digest> leaves = Leaves(3);
  const Digest root = RootHash(leaves);
  const uint64_t huge = std::numeric_limits<uint64_t>::max();
  std::vector<Digest> long_proof(64, root);
  for (const uint64_t size : {uint64_t{1} << 63, (uint64_t{1} << 63) + 1, huge - 1, huge}) {
    for (const uint64_t index : {uint64_t{0}, uint64_t{1}, size / 2, size - 1, size, huge}) {
      REQUIRE_REFUSED(Included(index, size, leaves[0], long_proof, root));
      REQUIRE_REFUSED(Included(index, size, leaves[0], {}, root));
      REQUIRE_REFUSED(VerifyConsistency({.size = index, .root = root},
                                        {.size = size, .root = leaves[0]}, long_proof));
      REQUIRE_REFUSED(
          VerifyConsistency({.size = size, .root = root}, {.size = index, .root = leaves[0]}, {}));
    }
  }
  REQUIRE_REFUSED(Included(0, 0, leaves[0], {}, leaves[0]));
  REQUIRE_REFUSED(InclusionProof(leaves, 3));
  REQUIRE_REFUSED(InclusionProof(std::span<const Digest>(), 0));
  REQUIRE_REFUSED(ConsistencyProof(leaves, 4));
}

TEST_CASE("A refusal says what differs", "[crypto]") {
  const std::vector<Digest> leaves = Leaves(7);
  const Digest root = RootHash(leaves);
  const std::vector<Digest> proof = InclusionProof(leaves, 2).value();
  const auto says = [](const absl::Status& status, const std::string& text) {
    INFO(status.message());
    CHECK(absl::StrContains(status.message(), text));
  };
  says(Included(7, 7, leaves[2], proof, root), "leaf 7 found; must be below the tree's size 7");
  says(Included(2, 7, leaves[2], {}, root), "0 hashes found; must be 3");
  says(Included(2, 7, leaves[3], proof, root), "must be " + root.Hex());
  says(VerifyConsistency({.size = 7, .root = root}, {.size = 6, .root = root}, {}),
       "size 6 found; must not be below the earlier 7");
  says(VerifyConsistency({.size = 7, .root = root}, {.size = 7, .root = leaves[0]}, {}),
       "of the earlier tree");
  says(VerifyConsistency({.size = 3, .root = root}, {.size = 7, .root = root}, {}),
       "0 hashes found; must be 4");
}

// RFC 6962 §2.1.3: with a..j the leaves, g h i j k l their parents as drawn there.
TEST_CASE("The example proofs of RFC 6962 are these", "[crypto]") {
  const std::vector<Digest> d = Leaves(7);
  const Digest g = NodeHash(d[0], d[1]);
  const Digest h = NodeHash(d[2], d[3]);
  const Digest i = NodeHash(d[4], d[5]);
  const Digest& j = d[6];
  const Digest k = NodeHash(g, h);
  const Digest l = NodeHash(i, j);
  CHECK(InclusionProof(d, 0).value() == std::vector<Digest>{d[1], h, l});
  CHECK(InclusionProof(d, 3).value() == std::vector<Digest>{d[2], g, l});
  CHECK(InclusionProof(d, 4).value() == std::vector<Digest>{d[5], j, k});
  CHECK(InclusionProof(d, 6).value() == std::vector<Digest>{i, k});
  CHECK(ConsistencyProof(d, 3).value() == std::vector<Digest>{d[2], d[3], g, l});
  CHECK(ConsistencyProof(d, 4).value() == std::vector<Digest>{l});
  CHECK(ConsistencyProof(d, 6).value() == std::vector<Digest>{i, j, k});
}

TEST_CASE("A proof made from stored subtrees equals the one made from leaves", "[crypto]") {
  const std::vector<Digest> leaves = Leaves(67);
  int reads = 0;
  const auto reader = [&](int level, uint64_t position) -> absl::StatusOr<Digest> {
    ++reads;
    const size_t width = size_t{1} << level;
    REQUIRE((position + 1) * width <= leaves.size());
    return RootHash(std::span<const Digest>(leaves).subspan(position * width, width));
  };
  for (uint64_t index = 0; index < leaves.size(); ++index) {
    reads = 0;
    CHECK(InclusionProof({.index = index, .size = leaves.size()}, reader).value() ==
          InclusionProof(leaves, index).value());
    CHECK(reads <= 7 * 7);
    CHECK(ConsistencyProof(index, leaves.size(), reader).value() ==
          ConsistencyProof(leaves, index).value());
  }
  CHECK(RootOf(67, reader).value() == RootHash(leaves));
  CHECK(RootOf(0, reader).value() == RootHash({}));
}

}  // namespace
}  // namespace kalavai
