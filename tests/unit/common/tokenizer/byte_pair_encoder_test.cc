// Goal: the short and the long loop both merge the lowest rank, leftmost first.
// Method: random merges over few bytes against a loop written from the definition, at lengths
// around the border between the two.
#include "common/tokenizer/byte_pair_encoder.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<int32_t> ByDefinition(const std::string& piece,
                                  const std::vector<BytePairEncoder::Rule>& merges) {
  std::vector<int32_t> symbols(piece.begin(), piece.end());
  while (true) {
    size_t best_rank = merges.size();
    size_t best_place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      for (size_t rank = 0; rank < best_rank; ++rank) {
        if (merges[rank].left == symbols[i] && merges[rank].right == symbols[i + 1]) {
          best_rank = rank;
          best_place = i;
        }
      }
    }
    if (best_rank == merges.size()) return symbols;
    symbols[best_place] = merges[best_rank].result;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best_place) + 1);
  }
}

TEST_CASE("Pieces of every length are merged as the definition says") {
  std::array<int32_t, 256> byte_ids = {};
  for (size_t i = 0; i < 256; ++i) byte_ids[i] = static_cast<int32_t>(i);
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<int32_t> known = {'a', 'b', 'c'};
    std::set<std::pair<int32_t, int32_t>> pairs;
    std::vector<BytePairEncoder::Rule> merges;
    while (merges.size() < 30) {
      const int32_t left = known[random() % known.size()];
      const int32_t right = known[random() % known.size()];
      if (!pairs.emplace(left, right).second) continue;
      known.push_back(static_cast<int32_t>(256 + merges.size()));
      merges.push_back({.left = left, .right = right, .result = known.back()});
    }
    const BytePairEncoder encoder(byte_ids, merges);
    for (const size_t length : {0U, 1U, 2U, 3U, 20U, 127U, 128U, 129U, 400U}) {
      std::string piece;
      while (piece.size() < length) piece.push_back(static_cast<char>('a' + random() % 3));
      std::vector<int32_t> ids = {-5};
      encoder.Encode(piece, ids);
      REQUIRE(ids.front() == -5);
      ids.erase(ids.begin());
      INFO(piece);
      REQUIRE(ids == ByDefinition(piece, merges));
    }
  }
}

TEST_CASE("A megabyte without a space is encoded") {
  std::array<int32_t, 256> byte_ids = {};
  byte_ids['a'] = 1;
  const BytePairEncoder encoder(byte_ids, {{1, 1, 2}, {2, 2, 3}});
  std::vector<int32_t> ids;
  encoder.Encode(std::string(1 << 20, 'a'), ids);
  REQUIRE(ids == std::vector<int32_t>(1 << 18, 3));
}

}  // namespace
}  // namespace kalavai
