#include "common/tokenizer/byte_pair_encoder.h"

#include <algorithm>
#include <cstddef>
#include <queue>
#include <tuple>
#include <utility>

#include "common/base/check.h"

namespace kalavai {
namespace {

constexpr size_t kShortPiece = 128;

struct Candidate {
  int32_t rank = 0;
  int32_t position = 0;  // of the left symbol
  int32_t left = 0;      // what stood there when the candidate was made: else it is stale
  int32_t right = 0;

  friend bool operator>(const Candidate& a, const Candidate& b) {
    return std::tie(a.rank, a.position) > std::tie(b.rank, b.position);
  }
};

}  // namespace

BytePairEncoder::BytePairEncoder(const std::array<int32_t, 256>& byte_ids,
                                 const std::vector<Rule>& merges)
    : byte_ids_(byte_ids) {
  merges_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const Rule& merge = merges[rank];
    merges_[Key(merge.left, merge.right)] = {.rank = static_cast<int32_t>(rank),
                                             .id = merge.result};
  }
}

BytePairEncoder::Result BytePairEncoder::Find(int32_t left, int32_t right) const {
  const auto found = merges_.find(Key(left, right));
  return found == merges_.end() ? Result{.rank = kNoMerge} : found->second;
}

void BytePairEncoder::Encode(absl::string_view piece, std::vector<int32_t>& ids) const {
  std::array<int32_t, kShortPiece> few;
  std::vector<int32_t> many;
  int32_t* symbols = few.data();
  if (piece.size() > kShortPiece) {
    many.resize(piece.size());
    symbols = many.data();
  }
  for (size_t i = 0; i < piece.size(); ++i) {
    symbols[i] = byte_ids_[static_cast<unsigned char>(piece[i])];
    KALAVAI_CHECK(symbols[i] >= 0, "every byte of valid UTF-8 has a token");
  }
  if (piece.size() > kShortPiece) return MergeLong(std::move(many), ids);
  MergeShort({few.data(), piece.size()}, ids);
}

void BytePairEncoder::Merge(std::span<const int32_t> symbols, std::vector<int32_t>& ids) const {
  if (symbols.size() > kShortPiece) return MergeLong({symbols.begin(), symbols.end()}, ids);
  std::array<int32_t, kShortPiece> few;
  std::copy(symbols.begin(), symbols.end(), few.begin());
  MergeShort({few.data(), symbols.size()}, ids);
}

void BytePairEncoder::MergeShort(std::span<int32_t> symbols, std::vector<int32_t>& ids) const {
  size_t count = symbols.size();
  std::array<Result, kShortPiece> pairs;  // pairs[i]: the merge of symbols i and i+1
  for (size_t i = 0; i + 1 < count; ++i) pairs[i] = Find(symbols[i], symbols[i + 1]);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoMerge) break;
    symbols[best] = pairs[best].id;
    std::move(symbols.begin() + static_cast<ptrdiff_t>(best) + 2,
              symbols.begin() + static_cast<ptrdiff_t>(count),
              symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    std::move(pairs.begin() + best + 1, pairs.begin() + (count - 1), pairs.begin() + best);
    --count;
    if (best > 0) pairs[best - 1] = Find(symbols[best - 1], symbols[best]);
    if (best + 1 < count) pairs[best] = Find(symbols[best], symbols[best + 1]);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.begin() + static_cast<ptrdiff_t>(count));
}

// Symbols as a doubly linked list over their first positions; a merge keeps the left position and
// marks the right one dead.
void BytePairEncoder::MergeLong(std::vector<int32_t> symbols, std::vector<int32_t>& ids) const {
  constexpr int32_t kDead = -1;
  const auto count = static_cast<int32_t>(symbols.size());
  std::vector<int32_t> next(symbols.size());
  std::vector<int32_t> previous(symbols.size());
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
  const auto at = [](std::vector<int32_t>& values, int32_t i) -> int32_t& {
    return values[static_cast<size_t>(i)];
  };
  const auto propose = [&](int32_t position) {
    if (position < 0 || at(next, position) >= count) return;
    const int32_t left = at(symbols, position);
    const int32_t right = at(symbols, at(next, position));
    const Result merge = Find(left, right);
    if (merge.rank != kNoMerge) heap.push({merge.rank, position, left, right});
  };
  for (int32_t i = 0; i < count; ++i) {
    at(next, i) = i + 1;
    at(previous, i) = i - 1;
  }
  for (int32_t i = 0; i + 1 < count; ++i) propose(i);
  while (!heap.empty()) {
    const Candidate candidate = heap.top();
    heap.pop();
    const int32_t position = candidate.position;
    const int32_t following = at(next, position);
    const bool stale = at(symbols, position) != candidate.left || following >= count ||
                       at(symbols, following) != candidate.right;
    if (stale) continue;
    at(symbols, position) = Find(candidate.left, candidate.right).id;
    at(symbols, following) = kDead;
    at(next, position) = at(next, following);
    if (at(next, position) < count) at(previous, at(next, position)) = position;
    propose(at(previous, position));
    propose(position);
  }
  for (int32_t i = 0; i < count; i = at(next, i)) ids.push_back(at(symbols, i));
}

}  // namespace kalavai
