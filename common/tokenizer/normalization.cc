#include "common/tokenizer/normalization.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <utf8proc.h>

#include "common/base/check.h"
#include "common/tokenizer/unicode_classes.h"
#include "common/tokenizer/unicode_ranges.h"

namespace kalavai {
namespace {

constexpr size_t kCodePoints = 0x110000;
// No character below U+0300 changes, moves, or composes with the one before it; the lead byte of
// U+0300 is 0xCC.
constexpr unsigned char kFirstLeadByte = 0xCC;

// Marks and parts of compositions that came after Unicode 9.
constexpr CodePointRange kTooNew[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},
    {0xC3C, 0xC3C},     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},
    {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99},
    {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42},
    {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
    {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}};

bool IsTooNew(uint32_t code) {
  for (const CodePointRange& range : kTooNew) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

// The code points before which a text can be cut: they neither change, nor move, nor compose with
// what stands before them (Unicode Standard Annex #15, NFC_Quick_Check=Yes and combining class 0).
std::vector<bool> MakeBoundaries() {
  std::vector<bool> boundary(kCodePoints, true);
  std::array<utf8proc_int32_t, 32> parts;
  for (size_t code = 0; code < kCodePoints; ++code) {
    const auto point = static_cast<utf8proc_int32_t>(code);
    const utf8proc_property_t* property = utf8proc_get_property(point);
    if (property->combining_class != 0) boundary[code] = false;
    if (property->decomp_type != 0 || property->decomp_seqindex == UINT16_MAX) continue;
    int last_class = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(point, parts.data(), parts.size(), UTF8PROC_DECOMPOSE, &last_class);
    KALAVAI_CHECK(count > 0 && count < static_cast<utf8proc_ssize_t>(parts.size()),
                  "a canonical decomposition has a few characters");
    // What could compose, and what could change (a decomposition that does not come back).
    for (utf8proc_ssize_t i = 1; i < count; ++i) {
      boundary[static_cast<size_t>(parts[static_cast<size_t>(i)])] = false;
    }
    count = utf8proc_normalize_utf32(
        parts.data(), count, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count != 1 || parts[0] != point) boundary[code] = false;
  }
  for (size_t code = 0x1161; code <= 0x11C2; ++code)
    boundary[code] = false;  // Hangul vowels, finals
  for (const CodePointRange& range : kTooNew) {
    for (uint32_t code = range.first; code <= range.last; ++code) boundary[code] = true;
  }
  return boundary;
}

const std::vector<bool>& Boundaries() {
  static const std::vector<bool>& boundaries = *new std::vector<bool>(MakeBoundaries());
  return boundaries;
}

// Composes a stretch between two boundaries.
void AppendComposed(absl::string_view text, std::string& result) {
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  std::array<utf8proc_int32_t, 64> few;
  std::vector<utf8proc_int32_t> many;
  utf8proc_int32_t* points = few.data();
  utf8proc_ssize_t count =
      utf8proc_decompose(bytes, size, points, static_cast<utf8proc_ssize_t>(few.size()), kOptions);
  if (count > static_cast<utf8proc_ssize_t>(few.size())) {
    many.resize(static_cast<size_t>(count) + 1);
    points = many.data();
    count = utf8proc_decompose(bytes, size, points, count, kOptions);
  }
  KALAVAI_CHECK(count >= 0, "valid UTF-8 can be decomposed");
  count = utf8proc_normalize_utf32(points, count, kOptions);
  std::array<utf8proc_uint8_t, 4> character;
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const utf8proc_ssize_t length = utf8proc_encode_char(points[i], character.data());
    result.append(reinterpret_cast<const char*>(character.data()), static_cast<size_t>(length));
  }
}

bool AllBelowFirstLeadByte(absl::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {  // eight ASCII characters at once
    uint64_t eight = 0;
    std::memcpy(&eight, text.data() + i, sizeof(eight));
    if ((eight & 0x8080808080808080U) == 0) continue;
    for (size_t k = i; k < i + 8; ++k) {
      if (static_cast<unsigned char>(text[k]) >= kFirstLeadByte) return false;
    }
  }
  for (; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) >= kFirstLeadByte) return false;
  }
  return true;
}

}  // namespace

bool IsSurelyNfc(absl::string_view text) {
  if (AllBelowFirstLeadByte(text)) return true;
  const std::vector<bool>& boundaries = Boundaries();
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const CodePoint point = CodePointAt(text, i);
    if (!boundaries[point.value]) return false;
    i += point.size;
  }
  return true;
}

std::string NormalizeNfc(absl::string_view text) {
  if (AllBelowFirstLeadByte(text)) return std::string(text);
  const std::vector<bool>& boundaries = Boundaries();
  std::string result;
  result.reserve(text.size());
  size_t copied = 0;    // what `result` holds of the text
  size_t boundary = 0;  // the last one before `i`
  for (size_t i = 0; i < text.size();) {
    const CodePoint point = CodePointAt(text, i);
    if (boundaries[point.value]) {
      boundary = i;
      i += point.size;
      continue;
    }
    const size_t begin = IsTooNew(CodePointAt(text, boundary).value) ? i : boundary;
    while (i < text.size()) {
      const CodePoint next = CodePointAt(text, i);
      if (boundaries[next.value]) break;
      i += next.size;
    }
    result.append(text.data() + copied, begin - copied);
    AppendComposed(text.substr(begin, i - begin), result);
    copied = i;
  }
  result.append(text.data() + copied, text.size() - copied);
  return result;
}

}  // namespace kalavai
