#include "common/safetensors/header_parser.h"

#include <cstdint>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

constexpr size_t kDimensionsMax = 8;
constexpr size_t kMetadataEntriesMax = 1024;
constexpr size_t kMetadataBytesMax = limits::kMiB;
constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();

// Reads exactly the format's grammar: an object of objects, and so without recursion. Every
// function either advances past what it names or fails.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : text_(text) {}

  absl::Status Parse() {
    if (text_.empty() || text_[0] != '{') {
      return Fail(SafetensorsDefect::kNotAnObject, "the header must begin with '{'");
    }
    RETURN_IF_ERROR(ParseObject(
        [this](const std::string& key) {
          return key == "__metadata__" ? ParseMetadata() : ParseTensor(key);
        },
        names_));
    if (text_.find_first_not_of(' ', position_) != absl::string_view::npos) {
      return Fail(SafetensorsDefect::kBadPadding, "only spaces may follow the header's object");
    }
    return absl::OkStatus();
  }

  UncheckedHeader Take() {
    return {.tensors = std::move(tensors_), .metadata = std::move(metadata_)};
  }

 private:
  absl::Status Fail(SafetensorsDefect defect, std::string what) const {
    return SafetensorsError(defect, std::move(what), tensor_, position_);
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
    return Fail(SafetensorsDefect::kSyntax, absl::StrCat("'", std::string(1, token), "' expected"));
  }

  // '{' (key ':' value (',' key ':' value)*)? '}', keys distinct; `value` parses what follows ':'.
  template <typename Value>
  absl::Status ParseObject(const Value& value, std::set<std::string>& keys) {
    RETURN_IF_ERROR(Expect('{'));
    if (Consume('}')) return absl::OkStatus();
    do {
      SkipSpace();
      ASSIGN_OR_RETURN(std::string key, ParseString());
      const auto [entry, inserted] = keys.insert(std::move(key));
      if (!inserted) {
        return Fail(SafetensorsDefect::kDuplicateKey,
                    absl::StrCat("'", absl::CHexEscape(entry->substr(0, 120)), "' occurs twice"));
      }
      RETURN_IF_ERROR(Expect(':'));
      RETURN_IF_ERROR(value(*entry));
    } while (Consume(','));
    return Expect('}');
  }

  absl::Status ParseMetadata() {
    std::set<std::string> keys;
    size_t bytes = 0;
    SkipSpace();
    return ParseObject(
        [&](const std::string& key) -> absl::Status {
          SkipSpace();
          ASSIGN_OR_RETURN(std::string value, ParseString());
          bytes += key.size() + value.size();
          if (keys.size() > kMetadataEntriesMax || bytes > kMetadataBytesMax) {
            return Fail(SafetensorsDefect::kMetadataTooLarge,
                        "__metadata__ may hold at most 1024 entries and 1 MiB");
          }
          metadata_[key] = std::move(value);
          return absl::OkStatus();
        },
        keys);
  }

  absl::Status ParseTensor(const std::string& name) {
    tensor_ = name;
    TensorInfo tensor;
    tensor.name = name;
    std::set<std::string> fields;
    SkipSpace();
    RETURN_IF_ERROR(
        ParseObject([&](const std::string& field) { return ParseField(field, tensor); }, fields));
    if (fields.size() != 3) {
      return Fail(SafetensorsDefect::kMissingField, "dtype, shape and data_offsets must be there");
    }
    tensors_.push_back(std::move(tensor));
    tensor_.clear();
    return absl::OkStatus();
  }

  absl::Status ParseField(const std::string& field, TensorInfo& tensor) {
    SkipSpace();
    if (field == "dtype") {
      ASSIGN_OR_RETURN(const std::string name, ParseString());
      const std::optional<Dtype> dtype = DtypeOfName(name);
      if (!dtype.has_value()) {
        return Fail(SafetensorsDefect::kUnknownDtype,
                    absl::StrCat("dtype '", absl::CHexEscape(name.substr(0, 40)), "' is unknown"));
      }
      tensor.dtype = *dtype;
      return absl::OkStatus();
    }
    if (field == "shape") return ParseIntegers(tensor.shape);
    if (field == "data_offsets") {
      std::vector<int64_t> offsets;
      RETURN_IF_ERROR(ParseIntegers(offsets));
      if (offsets.size() != 2) {
        return Fail(SafetensorsDefect::kBadOffsets, "data_offsets must be [begin, end]");
      }
      tensor.begin = offsets[0];
      tensor.end = offsets[1];
      return absl::OkStatus();
    }
    return Fail(SafetensorsDefect::kUnknownField,
                absl::StrCat("field '", absl::CHexEscape(field.substr(0, 40)), "' is unknown"));
  }

  absl::Status ParseIntegers(std::vector<int64_t>& values) {
    RETURN_IF_ERROR(Expect('['));
    if (Consume(']')) return absl::OkStatus();
    do {
      SkipSpace();
      ASSIGN_OR_RETURN(const int64_t value, ParseInteger());
      if (values.size() == kDimensionsMax) {
        return Fail(SafetensorsDefect::kTooManyDimensions, "at most 8 dimensions are accepted");
      }
      values.push_back(value);
    } while (Consume(','));
    return Expect(']');
  }

  // Digits only, never by way of a double: 1.0, 8e0, -0, 08 and "8" are refused.
  absl::StatusOr<int64_t> ParseInteger() {
    const size_t start = position_;
    int64_t value = 0;
    while (position_ < text_.size() && absl::ascii_isdigit(ByteAt(position_))) {
      const int64_t digit = text_[position_] - '0';
      if (value > (kInt64Max - digit) / 10) {
        return Fail(SafetensorsDefect::kBadInteger, "an integer must be at most 2^63-1");
      }
      value = value * 10 + digit;
      ++position_;
    }
    const bool leading_zero = position_ - start > 1 && text_[start] == '0';
    const bool goes_on =
        position_ < text_.size() &&
        absl::string_view(".eE+-").find(text_[position_]) != absl::string_view::npos;
    if (position_ == start || leading_zero || goes_on) {
      return Fail(SafetensorsDefect::kBadInteger,
                  "a non-negative integer in plain digits is expected");
    }
    return value;
  }

  // The header was checked to be UTF-8, so only JSON's own rules are left.
  absl::StatusOr<std::string> ParseString() {
    if (position_ == text_.size() || text_[position_] != '"') {
      return Fail(SafetensorsDefect::kSyntax, "a string is expected");
    }
    ++position_;
    std::string value;
    while (position_ < text_.size()) {
      const char c = text_[position_++];
      if (c == '"') return value;
      if (ByteAt(position_ - 1) < 0x20) break;
      if (c != '\\') {
        value.push_back(c);
        continue;
      }
      RETURN_IF_ERROR(ParseEscape(value));
    }
    return Fail(SafetensorsDefect::kSyntax, "a string does not end, or holds a control character");
  }

  absl::Status ParseEscape(std::string& value) {
    constexpr absl::string_view kLetters = "\"\\/bfnrt";
    constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char letter = position_ < text_.size() ? text_[position_++] : '\0';
    if (letter != 'u') {
      const size_t index = kLetters.find(letter);
      if (index == absl::string_view::npos) {
        return Fail(SafetensorsDefect::kSyntax, "unknown escape in a string");
      }
      value.push_back(kMeanings[index]);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(uint32_t code, ParseHex4());
    if (code >= 0xDC00 && code < 0xE000) {
      return Fail(SafetensorsDefect::kSyntax, "a surrogate stands alone in a string");
    }
    if (code >= 0xD800 && code < 0xDC00) {
      if (text_.substr(position_, 2) != "\\u") {
        return Fail(SafetensorsDefect::kSyntax, "a surrogate stands alone in a string");
      }
      position_ += 2;
      ASSIGN_OR_RETURN(const uint32_t low, ParseHex4());
      if (low < 0xDC00 || low >= 0xE000) {
        return Fail(SafetensorsDefect::kSyntax, "a surrogate stands alone in a string");
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
        return Fail(SafetensorsDefect::kSyntax, "four hex digits must follow \\u");
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
  std::string tensor_;  // the one being parsed, for messages
  std::set<std::string> names_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace

absl::StatusOr<UncheckedHeader> ParseHeaderText(absl::string_view text) {
  HeaderParser parser(text);
  RETURN_IF_ERROR(parser.Parse());
  return parser.Take();
}

absl::Status SafetensorsError(SafetensorsDefect defect, std::string what, absl::string_view tensor,
                              std::optional<size_t> offset) {
  ErrorText text;
  const std::string printable = absl::CHexEscape(tensor.substr(0, 120));
  text.what = tensor.empty() ? std::move(what) : absl::StrCat("tensor '", printable, "': ", what);
  if (offset.has_value()) absl::StrAppend(&text.what, " (header byte ", *offset, ")");
  text.why = "a file with two readings, or that points outside itself, cannot be loaded safely";
  text.fix = "write the file again with a current safetensors library";
  text.metadata["defect"] = std::string(DefectName(defect));
  if (!tensor.empty()) text.metadata["tensor"] = printable;
  if (offset.has_value()) text.metadata["offset"] = absl::StrCat(*offset);
  return MakeError(absl::StatusCode::kInvalidArgument, "SAFETENSORS_INVALID", std::move(text));
}

}  // namespace kalavai
