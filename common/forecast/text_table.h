// A table for a terminal: columns as wide as their widest cell, the first one left-aligned, the
// others right-aligned, two spaces between them. Widths are counted in code points. Pure functions.
#ifndef KALAVAI_COMMON_FORECAST_TEXT_TABLE_H_
#define KALAVAI_COMMON_FORECAST_TEXT_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kalavai {

// Rows may have different lengths; every line ends with a line end.
std::string FormatTable(std::span<const std::vector<std::string>> rows);

// A foreign name for a terminal: at most `characters` of it, then "…"; what is no UTF-8 as U+FFFD,
// what would move the cursor or turn the direction of writing as '?'.
std::string ShownName(absl::string_view name, int64_t characters = 40);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_TEXT_TABLE_H_
