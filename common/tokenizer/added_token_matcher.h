// Finds added tokens in text: at the leftmost place the longest, as Hugging Face's
// `AddedVocabulary` does. For tokenizer.cc. Thread-safe: constant after construction.
#ifndef KALAVAI_COMMON_TOKENIZER_ADDED_TOKEN_MATCHER_H_
#define KALAVAI_COMMON_TOKENIZER_ADDED_TOKEN_MATCHER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace kalavai {

class AddedTokenMatcher {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;  // begin == end: nothing found
    int32_t id = 0;
  };

  // Contents must not be empty.
  explicit AddedTokenMatcher(std::vector<std::pair<std::string, int32_t>> tokens);

  // Returns the first match that begins at or after `position`; {size, size, 0} when there is none.
  Match Find(absl::string_view text, size_t position) const;

 private:
  // By first byte, the longest first.
  std::array<std::vector<std::pair<std::string, int32_t>>, 256> tokens_;
  bool empty_ = true;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_ADDED_TOKEN_MATCHER_H_
