#include "common/tokenizer/added_token_matcher.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace kalavai {

AddedTokenMatcher::AddedTokenMatcher(std::vector<std::pair<std::string, int32_t>> tokens)
    : empty_(tokens.empty()) {
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  for (auto& token : tokens) {
    tokens_[static_cast<unsigned char>(token.first[0])].push_back(std::move(token));
  }
}

AddedTokenMatcher::Match AddedTokenMatcher::Find(absl::string_view text, size_t position) const {
  for (size_t i = empty_ ? text.size() : position; i < text.size(); ++i) {
    for (const auto& [content, id] : tokens_[static_cast<unsigned char>(text[i])]) {
      if (absl::StartsWith(text.substr(i), content)) {
        return {.begin = i, .end = i + content.size(), .id = id};
      }
    }
  }
  return {.begin = text.size(), .end = text.size()};
}

}  // namespace kalavai
