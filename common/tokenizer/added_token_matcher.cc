#include "common/tokenizer/added_token_matcher.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "common/tokenizer/unicode_classes.h"

namespace kalavai {
namespace {

bool IsSpaceAt(absl::string_view text, size_t i) {
  return (UnicodeClasses::Get().Of(CodePointAt(text, i).value) & kSpace) != 0;
}

size_t SkipSpaces(absl::string_view text, size_t i) {
  while (i < text.size() && IsSpaceAt(text, i)) i += CodePointAt(text, i).size;
  return i;
}

// The begin of the white space that ends at `end`.
size_t SpacesBefore(absl::string_view text, size_t end) {
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
    if (!IsSpaceAt(text, begin)) break;
    end = begin;
  }
  return end;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(const std::vector<Token>& tokens) : tokens_(tokens) {
  std::sort(tokens_.begin(), tokens_.end(),
            [](const Token& a, const Token& b) { return a.content < b.content; });
  std::set<unsigned char> first_bytes;
  for (size_t begin = 0; begin < tokens_.size();) {
    const auto byte = static_cast<unsigned char>(tokens_[begin].content[0]);
    size_t end = begin;
    while (end < tokens_.size() && static_cast<unsigned char>(tokens_[end].content[0]) == byte) {
      ++end;
    }
    roots_[byte] = AddNode(begin, end, 1) + 1;
    first_bytes.insert(byte);
    begin = end;
  }
  if (first_bytes.size() == 1) only_first_byte_ = *first_bytes.begin();
}

// The node of tokens [begin, end), which share their first `depth` bytes.
uint32_t AddedTokenMatcher::AddNode(size_t begin, size_t end, size_t depth) {
  const auto index = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  if (tokens_[begin].content.size() == depth) {
    nodes_[index].token = static_cast<int32_t>(begin);
    ++begin;
  }
  std::vector<Edge> edges;
  while (begin < end) {
    const auto byte = static_cast<unsigned char>(tokens_[begin].content[depth]);
    size_t after = begin;
    while (after < end && static_cast<unsigned char>(tokens_[after].content[depth]) == byte) {
      ++after;
    }
    edges.push_back({byte, AddNode(begin, after, depth + 1)});
    begin = after;
  }
  nodes_[index].first_edge = static_cast<uint32_t>(edges_.size());
  nodes_[index].edge_count = static_cast<uint32_t>(edges.size());
  edges_.insert(edges_.end(), edges.begin(), edges.end());
  return index;
}

AddedTokenMatcher::Match AddedTokenMatcher::LongestAt(absl::string_view text,
                                                      size_t position) const {
  Match match;
  uint32_t next = roots_[static_cast<unsigned char>(text[position])];
  for (size_t i = position + 1; next != 0; ++i) {
    const Node& node = nodes_[next - 1];
    if (node.token >= 0) {
      match = {.begin = position, .end = i, .token = &tokens_[static_cast<size_t>(node.token)]};
    }
    next = 0;
    if (i == text.size()) break;
    for (uint32_t e = node.first_edge; e < node.first_edge + node.edge_count; ++e) {
      if (edges_[e].byte == static_cast<unsigned char>(text[i])) next = edges_[e].node + 1;
    }
  }
  return match;
}

AddedTokenMatcher::Match AddedTokenMatcher::Find(absl::string_view text, size_t position) const {
  for (size_t i = position; i < text.size(); ++i) {
    if (only_first_byte_ >= 0) {
      const void* found = std::memchr(text.data() + i, only_first_byte_, text.size() - i);
      if (found == nullptr) break;
      i = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    } else if (roots_[static_cast<unsigned char>(text[i])] == 0) {
      continue;
    }
    const Match match = LongestAt(text, i);
    if (match.token != nullptr) return match;
  }
  return {};
}

void AddedTokenMatcher::Cut(absl::string_view text, absl::FunctionRef<void(int32_t)> token,
                            absl::FunctionRef<void(absl::string_view)> gap) const {
  size_t taken = 0;  // what tokens and gaps cover already
  for (size_t position = 0; !tokens_.empty() && position < text.size();) {
    const Match match = Find(text, position);
    if (match.token == nullptr) break;
    size_t begin = match.begin;
    size_t end = match.end;
    if (match.token->strip_left) begin = std::max(SpacesBefore(text, begin), taken);
    if (match.token->strip_right) end = SkipSpaces(text, end);
    if (taken < begin) gap(text.substr(taken, begin - taken));
    token(match.token->id);
    taken = end;
    position = match.end;  // as in `AddedVocabulary`, also where white space was taken
  }
  if (taken < text.size()) gap(text.substr(taken));
}

}  // namespace kalavai
