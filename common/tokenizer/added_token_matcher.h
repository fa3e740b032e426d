// Cuts added tokens out of text: at the leftmost place the longest, as Hugging Face's
// `AddedVocabulary` does, with the white space beside those that strip it. For tokenizer.cc.
// Thread-safe: constant after construction.
#ifndef KALAVAI_COMMON_TOKENIZER_ADDED_TOKEN_MATCHER_H_
#define KALAVAI_COMMON_TOKENIZER_ADDED_TOKEN_MATCHER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace kalavai {

class AddedTokenMatcher {
 public:
  struct Token {
    std::string content;  // not empty; the contents are distinct
    int32_t id = 0;
    bool strip_left = false;   // takes the white space before it
    bool strip_right = false;  // and after it
  };

  explicit AddedTokenMatcher(const std::vector<Token>& tokens);

  // Calls `token` with the id of each added token in `text` and `gap` with what lies between, never
  // empty, in order.
  void Cut(absl::string_view text, absl::FunctionRef<void(int32_t)> token,
           absl::FunctionRef<void(absl::string_view)> gap) const;

 private:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
    const Token* token = nullptr;  // null: nothing found
  };
  // A node of the trie over the contents: its edges are a range of edges_, by byte.
  struct Node {
    uint32_t first_edge = 0;
    uint32_t edge_count = 0;
    int32_t token = -1;  // index in tokens_ of the content that ends here
  };
  struct Edge {
    unsigned char byte = 0;
    uint32_t node = 0;
  };

  uint32_t AddNode(size_t begin, size_t end, size_t depth);
  // Returns the longest token that begins at `position`.
  Match LongestAt(absl::string_view text, size_t position) const;
  Match Find(absl::string_view text, size_t position) const;

  std::vector<Token> tokens_;  // by content
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::array<uint32_t, 256> roots_ = {};  // node + 1 by first byte; 0: none
  int only_first_byte_ = -1;              // when all contents begin alike
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_ADDED_TOKEN_MATCHER_H_
