#include "common/tokenizer/unicode_classes.h"

#include <algorithm>
#include <map>
#include <span>

#include "common/tokenizer/unicode_ranges.h"

namespace kalavai {
namespace {

constexpr size_t kCodePoints = 0x110000;
constexpr size_t kBlock = 256;

void Mark(std::span<const CodePointRange> ranges, uint8_t classes, std::vector<uint8_t>& all) {
  for (const CodePointRange& range : ranges) {
    for (uint32_t code = range.first; code <= range.last; ++code) all[code] |= classes;
  }
}

}  // namespace

UnicodeClasses::UnicodeClasses() {
  std::vector<uint8_t> all(kCodePoints);
  Mark(LetterRanges(), kLetter, all);
  Mark(NumberRanges(), kNumber | kNumeric, all);
  Mark(LateNumberRanges(), kNumeric, all);
  Mark(MarkRanges(), kMark, all);
  Mark(SpaceRanges(), kSpace, all);
  std::map<std::vector<uint8_t>, uint16_t> known;  // most blocks are alike
  for (size_t page = 0; page < pages_.size(); ++page) {
    const auto begin = all.begin() + static_cast<ptrdiff_t>(page * kBlock);
    const std::vector<uint8_t> block(begin, begin + kBlock);
    const auto [entry, added] = known.emplace(block, static_cast<uint16_t>(known.size()));
    if (added) blocks_.insert(blocks_.end(), block.begin(), block.end());
    pages_[page] = entry->second;
  }
}

const UnicodeClasses& UnicodeClasses::Get() {
  static const UnicodeClasses& classes = *new UnicodeClasses();
  return classes;
}

}  // namespace kalavai
