// The merge loop of byte-pair encoding: bytes of one piece to token ids. For tokenizer.cc.
//
// While two neighbours have a merge, the pair of the lowest rank merges, the leftmost of equals:
// what Hugging Face's `BPE` does. Pieces up to 128 bytes by a scan, longer ones by a heap in
// O(n log n): a text without spaces is no attack. Thread-safe: constant after construction.
#ifndef KALAVAI_COMMON_TOKENIZER_BYTE_PAIR_ENCODER_H_
#define KALAVAI_COMMON_TOKENIZER_BYTE_PAIR_ENCODER_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace kalavai {

class BytePairEncoder {
 public:
  struct Rule {
    int32_t left = 0;
    int32_t right = 0;
    int32_t result = 0;
  };

  // `byte_ids[b]` is the id of the token of byte b alone, -1 where no text can need it. The rank
  // of a merge is its index; the pairs are distinct.
  BytePairEncoder(const std::array<int32_t, 256>& byte_ids, const std::vector<Rule>& merges);

  // Appends the ids of the bytes of `piece`.
  void Encode(absl::string_view piece, std::vector<int32_t>& ids) const;
  // Appends what `symbols`, ids of the smallest parts of a text, merge to.
  void Merge(std::span<const int32_t> symbols, std::vector<int32_t>& ids) const;

 private:
  struct Result {
    int32_t rank = 0;
    int32_t id = 0;
  };
  static constexpr int32_t kNoMerge = 0x7FFFFFFF;

  static uint64_t Key(int32_t left, int32_t right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32U) |
           static_cast<uint32_t>(right);
  }
  Result Find(int32_t left, int32_t right) const;
  // `symbols` is working memory and changes.
  void MergeShort(std::span<int32_t> symbols, std::vector<int32_t>& ids) const;
  void MergeLong(std::vector<int32_t> symbols, std::vector<int32_t>& ids) const;

  std::array<int32_t, 256> byte_ids_;
  absl::flat_hash_map<uint64_t, Result> merges_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_BYTE_PAIR_ENCODER_H_
