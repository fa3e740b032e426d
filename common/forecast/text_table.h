// A table for a terminal: columns as wide as their widest cell, the first one left-aligned, the
// others right-aligned, two spaces between them. Widths are counted in code points. Pure.
#ifndef KALAVAI_COMMON_FORECAST_TEXT_TABLE_H_
#define KALAVAI_COMMON_FORECAST_TEXT_TABLE_H_

#include <span>
#include <string>
#include <vector>

namespace kalavai {

// Rows may have different lengths; every line ends with a line end.
std::string FormatTable(std::span<const std::vector<std::string>> rows);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_TEXT_TABLE_H_
