#include "common/safetensors/header_parser.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

constexpr size_t kDimensionsMax = limits::kSafetensorsRankMax;
constexpr size_t kNameBytesMax = limits::kSafetensorsNameBytesMax;
constexpr uint64_t kOffsetMax = std::numeric_limits<int64_t>::max();

// The shortest entry of a tensor: `"":{"dtype":"F4","shape":[],"data_offsets":[0,0]}`.
constexpr size_t kEntryBytesMin = 49;
// A dimension takes at least this much text: eight of them, the most allowed, in 49 + 15 bytes.
constexpr size_t kBytesPerDimensionMin = 8;

enum Field : unsigned { kDtypeField = 1, kShapeField = 2, kOffsetsField = 4, kAllFields = 7 };

// Reads exactly the format's grammar: an object of objects, and so without recursion. Every
// function either advances past what it names or fails.
class HeaderParser {
 public:
  // The arenas get their final size at once: what they can need is bounded by the text.
  explicit HeaderParser(absl::string_view text) : text_(text) {
    result_.names = std::make_unique<char[]>(text.size());
    result_.dimensions.reserve(text.size() / kBytesPerDimensionMin + kDimensionsMax);
    const auto braces = static_cast<size_t>(std::count(text.begin(), text.end(), '{'));
    const size_t tensors = std::min(braces, text.size() / kEntryBytesMin + 1);
    result_.tensors.reserve(tensors);
    seen_.reserve(tensors);
  }

  absl::Status Parse() {
    if (text_.empty() || text_[0] != '{') {
      return Fail(SafetensorsDefect::kNotAnObject, Here(), "begin with '{'");
    }
    RETURN_IF_ERROR(ParseObject([this](const std::string& key, size_t offset) -> absl::Status {
      if (key != "__metadata__") return ParseTensor(key, offset);
      if (std::exchange(metadata_seen_, true)) return Twice(key, offset);
      return ParseMetadata();
    }));
    const size_t rest = text_.find_first_not_of(' ', position_);
    if (rest != absl::string_view::npos) {
      position_ = rest;
      return Fail(SafetensorsDefect::kBadPadding, Here(),
                  "hold nothing but spaces after the object");
    }
    return absl::OkStatus();
  }

  UncheckedHeader Take() { return std::move(result_); }

 private:
  absl::Status Fail(SafetensorsDefect defect, absl::string_view found,
                    absl::string_view allowed) const {
    return SafetensorsError(defect, {.tensor = tensor_, .offset = position_}, found, allowed);
  }

  // The character at the position, for a message.
  std::string Here() const {
    if (position_ >= text_.size()) return "the end of the header";
    return absl::StrCat("'", Printable(text_.substr(position_, 1)), "'");
  }

  absl::Status Twice(absl::string_view key, size_t offset) {
    position_ = offset;
    return Fail(SafetensorsDefect::kDuplicateKey,
                absl::StrCat("'", Printable(key), "' a second time"),
                "have every name once, also after unescaping");
  }

  void SkipSpace() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n' ||
                                        text_[position_] == '\r' || text_[position_] == '\t')) {
      ++position_;
    }
  }

  // Skips white space, then consumes `token` if it is next.
  bool Consume(char token) {
    SkipSpace();
    if (position_ == text_.size() || text_[position_] != token) return false;
    ++position_;
    return true;
  }

  absl::Status Expect(char token) {
    if (Consume(token)) return absl::OkStatus();
    return Fail(SafetensorsDefect::kSyntax, Here(),
                absl::StrCat("be '", std::string(1, token), "'"));
  }

  // '{' (key ':' value (',' key ':' value)*)? '}'; `value(key, offset of the key)` parses what
  // follows ':' and refuses a key it has seen.
  template <typename Value>
  absl::Status ParseObject(const Value& value) {
    RETURN_IF_ERROR(Expect('{'));
    if (Consume('}')) return absl::OkStatus();
    do {
      SkipSpace();
      const size_t offset = position_;
      ASSIGN_OR_RETURN(const std::string key, ParseString());
      RETURN_IF_ERROR(Expect(':'));
      SkipSpace();
      RETURN_IF_ERROR(value(key, offset));
    } while (Consume(','));
    return Expect('}');
  }

  absl::Status ParseMetadata() {
    int64_t bytes = 0;
    return ParseObject([&](const std::string& key, size_t offset) -> absl::Status {
      ASSIGN_OR_RETURN(std::string value, ParseString());
      bytes += static_cast<int64_t>(key.size() + value.size());
      if (!result_.metadata.emplace(key, std::move(value)).second) return Twice(key, offset);
      const auto entries = static_cast<int64_t>(result_.metadata.size());
      if (entries > limits::kSafetensorsMetadataEntriesMax ||
          bytes > limits::kSafetensorsMetadataBytesMax) {
        return Fail(SafetensorsDefect::kMetadataTooLarge,
                    absl::StrCat("__metadata__ of ", entries, " entries and ", bytes, " bytes"),
                    absl::StrCat("have at most ", limits::kSafetensorsMetadataEntriesMax,
                                 " entries and ", limits::kSafetensorsMetadataBytesMax, " bytes"));
      }
      return absl::OkStatus();
    });
  }

  absl::Status ParseTensor(const std::string& name, size_t offset) {
    if (name.size() > kNameBytesMax) {
      position_ = offset;
      return Fail(SafetensorsDefect::kNameTooLong,
                  absl::StrCat("a name of ", name.size(), " bytes"),
                  absl::StrCat("have at most ", kNameBytesMax));
    }
    TensorInfo tensor;
    tensor.name = Keep(name);
    tensor.header_offset = static_cast<uint32_t>(offset);
    if (!seen_.insert(tensor.name).second) return Twice(name, offset);
    tensor_ = tensor.name;
    unsigned fields = 0;
    RETURN_IF_ERROR(ParseObject([&](const std::string& field, size_t place) -> absl::Status {
      const unsigned bit = FieldOf(field);
      if ((fields & bit) != 0) return Twice(field, place);
      fields |= bit;
      if (bit == kDtypeField) return ParseDtype(tensor);
      if (bit == kShapeField) return ParseShape(tensor);
      if (bit == kOffsetsField) return ParseOffsets(tensor);
      position_ = place;
      return Fail(SafetensorsDefect::kUnknownField, absl::StrCat("field '", Printable(field), "'"),
                  "be dtype, shape or data_offsets");
    }));
    if (fields != kAllFields) {
      position_ = offset;
      const char* missing = (fields & kDtypeField) == 0   ? "no dtype"
                            : (fields & kShapeField) == 0 ? "no shape"
                                                          : "no data_offsets";
      return Fail(SafetensorsDefect::kMissingField, missing, "have dtype, shape and data_offsets");
    }
    result_.tensors.push_back(tensor);
    tensor_ = {};
    return absl::OkStatus();
  }

  absl::string_view Keep(absl::string_view name) {
    char* const start = result_.names.get() + names_used_;
    std::copy(name.begin(), name.end(), start);
    names_used_ += name.size();
    return {start, name.size()};
  }

  // 0 for a name that is none.
  static unsigned FieldOf(absl::string_view name) {
    if (name == "dtype") return kDtypeField;
    if (name == "shape") return kShapeField;
    return name == "data_offsets" ? kOffsetsField : 0U;
  }

  absl::Status ParseDtype(TensorInfo& tensor) {
    const size_t offset = position_;
    ASSIGN_OR_RETURN(const std::string name, ParseString());
    const std::optional<Dtype> dtype = DtypeOfName(name);
    if (!dtype.has_value()) {
      position_ = offset;
      return Fail(SafetensorsDefect::kUnknownDtype, absl::StrCat("dtype '", Printable(name), "'"),
                  "be one of the format's, in its spelling: F32, BF16, …");
    }
    tensor.dtype = *dtype;
    return absl::OkStatus();
  }

  absl::Status ParseShape(TensorInfo& tensor) {
    std::array<uint64_t, kDimensionsMax> values = {};
    ASSIGN_OR_RETURN(const size_t count, ParseIntegers(values));
    if (count > kDimensionsMax) {
      return Fail(SafetensorsDefect::kTooManyDimensions,
                  absl::StrCat("more than ", kDimensionsMax, " dimensions"),
                  absl::StrCat("have at most ", kDimensionsMax));
    }
    std::vector<uint64_t>& all = result_.dimensions;
    const size_t first = all.size();
    KALAVAI_CHECK(first + count <= all.capacity(), "views point into it: it must not move");
    all.insert(all.end(), values.begin(), values.begin() + static_cast<ptrdiff_t>(count));
    tensor.shape = TensorShape({all.data() + first, count});
    return absl::OkStatus();
  }

  absl::Status ParseOffsets(TensorInfo& tensor) {
    const size_t offset = position_;
    std::array<uint64_t, 2> values = {};
    ASSIGN_OR_RETURN(const size_t count, ParseIntegers(values));
    if (count != values.size()) {
      position_ = offset;
      return Fail(SafetensorsDefect::kBadOffsets,
                  absl::StrCat(count > values.size() ? "more than 2" : absl::StrCat(count),
                               " data_offsets"),
                  "be a pair, [begin, end]");
    }
    if (std::max(values[0], values[1]) > kOffsetMax) {
      position_ = offset;
      return Fail(SafetensorsDefect::kNotContiguous,
                  absl::StrCat("data_offsets [", values[0], ", ", values[1], "]"),
                  "lie inside the file");
    }
    tensor.begin = static_cast<int64_t>(values[0]);
    tensor.end = static_cast<int64_t>(values[1]);
    return absl::OkStatus();
  }

  // Returns how many integers the list holds, or values.size() + 1, at the first too many.
  absl::StatusOr<size_t> ParseIntegers(std::span<uint64_t> values) {
    size_t count = 0;
    RETURN_IF_ERROR(Expect('['));
    if (Consume(']')) return count;
    do {
      SkipSpace();
      ASSIGN_OR_RETURN(const uint64_t value, ParseInteger());
      if (count == values.size()) return count + 1;
      values[count++] = value;
    } while (Consume(','));
    RETURN_IF_ERROR(Expect(']'));
    return count;
  }

  // Digits only, never by way of a double: 1.0, 8e0, -0, 08 and "8" are refused.
  absl::StatusOr<uint64_t> ParseInteger() {
    const size_t start = position_;
    size_t end = start;
    while (end < text_.size() && absl::ascii_isdigit(ByteAt(end))) ++end;
    const bool goes_on = end < text_.size() &&
                         absl::string_view(".eE+-").find(text_[end]) != absl::string_view::npos;
    const absl::string_view digits = text_.substr(start, end - start);
    uint64_t value = 0;
    const bool leading_zero = digits.size() > 1 && digits[0] == '0';
    // At most 20 digits: absl's parser would take white space and signs, which are not in `digits`.
    if (digits.empty() || leading_zero || goes_on || digits.size() > 20 ||
        !absl::SimpleAtoi(digits, &value)) {
      return Fail(SafetensorsDefect::kBadInteger,
                  digits.empty()
                      ? Here()
                      : absl::StrCat("'",
                                     Printable(text_.substr(
                                         start, std::min<size_t>(end - start + goes_on, 40))),
                                     "'"),
                  "be an integer from 0 to 2^64-1 in plain digits");
    }
    position_ = end;
    return value;
  }

  // The header was checked to be UTF-8, so only JSON's own rules are left.
  absl::StatusOr<std::string> ParseString() {
    if (position_ == text_.size() || text_[position_] != '"') {
      return Fail(SafetensorsDefect::kSyntax, Here(), "be a string");
    }
    ++position_;
    std::string value;
    value.reserve(StringBytesMax());
    while (position_ < text_.size()) {
      const char c = text_[position_++];
      if (c == '"') return value;
      if (ByteAt(position_ - 1) < 0x20) {
        --position_;
        return Fail(SafetensorsDefect::kSyntax, absl::StrCat("control character ", Here()),
                    "be escaped in a string");
      }
      if (c != '\\') {
        value.push_back(c);
        continue;
      }
      RETURN_IF_ERROR(ParseEscape(value));
    }
    return Fail(SafetensorsDefect::kSyntax, Here(), "be the rest of a string");
  }

  // How far the next '"' that is not escaped is: no string's meaning is longer than its text, and
  // growing by doubling would hold three times its size.
  size_t StringBytesMax() const {
    size_t end = position_;
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2U : 1U;
    return std::min(end, text_.size()) - position_;
  }

  absl::Status ParseEscape(std::string& value) {
    constexpr absl::string_view kLetters = "\"\\/bfnrt";
    constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char letter = position_ < text_.size() ? text_[position_++] : '\0';
    if (letter != 'u') {
      const size_t index = kLetters.find(letter);
      if (index == absl::string_view::npos) {
        return Fail(SafetensorsDefect::kSyntax, "an unknown escape", "be one of \"\\/bfnrtu");
      }
      value.push_back(kMeanings[index]);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(uint32_t code, ParseHex4());
    if (code >= 0xDC00 && code < 0xE000) {
      return Fail(SafetensorsDefect::kSyntax, "the second half of a surrogate pair",
                  "follow the first");
    }
    if (code >= 0xD800 && code < 0xDC00) {
      if (text_.substr(position_, 2) != "\\u") {
        return Fail(SafetensorsDefect::kSyntax, "half of a surrogate pair",
                    "be followed by the other");
      }
      position_ += 2;
      ASSIGN_OR_RETURN(const uint32_t low, ParseHex4());
      if (low < 0xDC00 || low >= 0xE000) {
        return Fail(SafetensorsDefect::kSyntax, "half of a surrogate pair",
                    "be followed by the other");
      }
      code = 0x10000U + ((code - 0xD800U) << 10U) + (low - 0xDC00U);
    }
    AppendUtf8(code, value);
    return absl::OkStatus();
  }

  absl::StatusOr<uint32_t> ParseHex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++position_) {
      if (position_ == text_.size() || !absl::ascii_isxdigit(ByteAt(position_))) {
        return Fail(SafetensorsDefect::kSyntax, Here(), "be a hex digit: four follow \\u");
      }
      const char digit = absl::ascii_tolower(ByteAt(position_));
      code = code * 16 + static_cast<uint32_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return code;
  }

  static void AppendUtf8(uint32_t code, std::string& value) {
    const auto append = [&value](uint32_t byte) { value.push_back(static_cast<char>(byte)); };
    if (code < 0x80) return append(code);
    if (code < 0x800) {
      append(0xC0U | (code >> 6U));
    } else {
      if (code < 0x10000) {
        append(0xE0U | (code >> 12U));
      } else {
        append(0xF0U | (code >> 18U));
        append(0x80U | ((code >> 12U) & 0x3FU));
      }
      append(0x80U | ((code >> 6U) & 0x3FU));
    }
    append(0x80U | (code & 0x3FU));
  }

  unsigned char ByteAt(size_t position) const {
    return static_cast<unsigned char>(text_[position]);
  }

  absl::string_view text_;
  size_t position_ = 0;
  absl::string_view tensor_;  // the one being parsed, for messages
  bool metadata_seen_ = false;
  size_t names_used_ = 0;
  absl::flat_hash_set<absl::string_view> seen_;
  UncheckedHeader result_;
};

}  // namespace

absl::StatusOr<UncheckedHeader> ParseHeaderText(absl::string_view text) {
  HeaderParser parser(text);
  RETURN_IF_ERROR(parser.Parse());
  return parser.Take();
}

}  // namespace kalavai
