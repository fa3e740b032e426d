// "Did you mean": the nearest of some known words.
#ifndef KALAVAI_COMMON_CLI_NEAREST_H_
#define KALAVAI_COMMON_CLI_NEAREST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kalavai {

// Returns the candidate with the smallest edit distance (insert, delete, replace, swap of
// neighbours each cost 1), the first of equals; "" when even the best needs more than a third of
// the longer word's letters, rounded up.
std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_NEAREST_H_
