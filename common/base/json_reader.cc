#include "common/base/json_reader.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/errors.h"
#include "common/base/utf8.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

constexpr size_t kShownBytes = 80;  // of a foreign key or number, in a message
constexpr size_t kPathBytes = 200;

// Feeds the parser and counts what it has read: the events of nlohmann's SAX carry no place.
class CountingIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

// Why a text is refused: one of these with every place.
constexpr char kTwoReadings[] =
    "readers keep the first value of a repeated key or the last: a text with two readings cannot "
    "be trusted";
constexpr char kNotJson[] = "the text is not JSON (RFC 8259), so nobody can say what it means";
constexpr char kNotExact[] =
    "other readers round such a number or refuse it, each in its own way (RFC 7493)";
constexpr char kTooMuch[] = "what is read is bounded before it is read, whoever sends it";
constexpr char kEncoding[] = "JSON that is exchanged is UTF-8 without a mark (RFC 8259)";

absl::Status JsonError(absl::string_view what, absl::string_view why, size_t offset,
                       const std::string& path) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "JSON_INVALID",
      {.what = absl::StrCat(what, " at byte ", offset, path.empty() ? "" : ", in ", path),
       .why = std::string(why),
       .fix = "mend the text at this place",
       .metadata = {{"offset", absl::StrCat(offset)}, {"path", path}}});
}

// Foreign bytes in a message are short and printable.
std::string Shown(absl::string_view text) {
  std::string shown(text.substr(0, kShownBytes));
  shown = ReplaceInvalidUtf8(shown);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return shown;
}

// Wraps nlohmann's DOM builder: refuses duplicate keys, depth and numbers, and knows the place.
class StrictSax : public nlohmann::json_sax<Json> {
 public:
  StrictSax(Json& root, absl::string_view text, int64_t depth_max)
      : builder_(root, /*allow_exceptions=*/false),
        text_(text),
        read_(text.data()),
        depth_max_(depth_max) {}

  const char** read() { return &read_; }

  bool null() override { return Next() && builder_.null(); }
  bool boolean(bool value) override { return Next() && builder_.boolean(value); }
  bool number_integer(number_integer_t value) override {
    Next();
    // The parser asks here for what begins with '-'; the integer 0 would lose its sign.
    return value == 0 ? builder_.number_float(-0.0, "-0") : builder_.number_integer(value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Next() && builder_.number_unsigned(value);
  }
  bool number_float(number_float_t value, const string_t& number) override {
    Next();
    if (!std::isfinite(value)) {
      return Refuse(absl::StrCat("number '", Shown(number), "': must fit a double"), kNotExact,
                    NumberOffset());
    }
    if (number.find_first_of(".eE") == std::string::npos) {
      return Refuse(absl::StrCat("integer '", Shown(number), "': must be from -2^63 to 2^64 - 1"),
                    kNotExact, NumberOffset());
    }
    return builder_.number_float(value, number);
  }
  bool string(string_t& value) override { return Next() && builder_.string(value); }
  bool binary(binary_t& value) override { return builder_.binary(value); }
  bool start_object(std::size_t size) override {
    return Enter(/*array=*/false) && builder_.start_object(size);
  }
  bool key(string_t& value) override {
    Frame& object = frames_.back();
    const bool fresh = object.keys.insert(value).second;
    object.key = value;
    if (!fresh) {
      return Refuse(absl::StrCat("duplicate key '", Shown(value), "'"), kTwoReadings,
                    StringOffset());
    }
    return builder_.key(value);
  }
  bool end_object() override { return Leave() && builder_.end_object(); }
  bool start_array(std::size_t size) override {
    return Enter(/*array=*/true) && builder_.start_array(size);
  }
  bool end_array() override { return Leave() && builder_.end_array(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // Overflow arrives here and not as an event: 406.
    if (error.id == 406) {
      Next();
      return Refuse("number: must fit a double", kNotExact, NumberOffset());
    }
    const size_t offset = std::min(position == 0 ? 0 : position - 1, text_.size());
    Refuse(offset == text_.size() ? "syntax error: the text ends too early" : "syntax error",
           kNotJson, offset);
    refused_path_ = Path(frames_.size() - (frames_.empty() ? 0 : 1));  // what is open
    return false;
  }

  absl::Status status() const { return JsonError(refusal_, why_, offset_, refused_path_); }

 private:
  struct Frame {
    bool array = false;
    int64_t index = -1;    // of the element being read
    std::string key = {};  // of the member being read
    std::set<std::string> keys = {};
  };

  bool Refuse(std::string what, const char* why, size_t offset) {
    refusal_ = std::move(what);
    why_ = why;
    offset_ = offset;
    refused_path_ = Path(frames_.size());
    return false;
  }
  bool Next() {
    if (!frames_.empty()) ++frames_.back().index;
    return true;
  }
  bool Enter(bool array) {
    Next();
    if (static_cast<int64_t>(frames_.size()) >= depth_max_) {
      return Refuse(absl::StrCat("depth: must be at most ", depth_max_), kTooMuch, Read() - 1);
    }
    frames_.push_back({.array = array});
    return true;
  }
  bool Leave() {
    frames_.pop_back();
    return true;
  }

  // Of the member or element being read, down to `depth` arrays and objects.
  std::string Path(size_t depth) const {
    std::string path = "$";
    for (size_t i = 0; i < depth; ++i) {
      const Frame& frame = frames_[i];
      if (path.size() > kPathBytes) return path + "…";
      if (frame.array) {
        absl::StrAppend(&path, "[", std::max<int64_t>(frame.index, 0), "]");
      } else if (!frame.keys.empty()) {
        absl::StrAppend(&path, ".", Shown(frame.key));
      }
    }
    return path;
  }

  // Where the token that was just read begins. The parser has read a string to its closing quote,
  // and one character beyond a number unless the text ends there.
  size_t Read() const { return static_cast<size_t>(read_ - text_.data()); }
  size_t StringOffset() const {
    size_t at = Read() - 1;
    while (at > 0) {
      --at;
      if (text_[at] != '"') continue;
      size_t backslashes = 0;
      while (backslashes < at && text_[at - 1 - backslashes] == '\\') ++backslashes;
      if (backslashes % 2 == 0) break;
    }
    return at;
  }
  size_t NumberOffset() const {
    const absl::string_view number = "0123456789+-.eE";
    size_t at = Read();
    if (at > 0 && number.find(text_[at - 1]) == absl::string_view::npos) --at;
    while (at > 0 && number.find(text_[at - 1]) != absl::string_view::npos) --at;
    return at;
  }

  nlohmann::detail::json_sax_dom_parser<Json> builder_;
  const absl::string_view text_;
  const char* read_;
  const int64_t depth_max_;
  std::vector<Frame> frames_;
  std::string refusal_ = "syntax error";
  const char* why_ = kNotJson;
  size_t offset_ = 0;
  std::string refused_path_;
};

absl::Status FieldError(const char* field, absl::string_view rule) {
  return MakeError(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                   {.what = absl::StrCat("field '", field, "': must be ", rule),
                    .why = "",
                    .fix = "",
                    .metadata = {{"field", field}}});
}

const Json* Find(const Json& object, const char* field) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(field);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

absl::StatusOr<Json> ReadJson(absl::string_view text, const JsonLimits& limits) {
  if (static_cast<int64_t>(text.size()) > limits.bytes_max) {
    return JsonError(
        absl::StrCat(text.size(), " bytes found; must be at most ", limits.bytes_max, ": too many"),
        kTooMuch, static_cast<size_t>(limits.bytes_max), "");
  }
  // nlohmann accepts a byte-order mark; RFC 8259 §8.1 lets us refuse it, and then a value has one
  // spelling.
  if (text.substr(0, 3) == "\xEF\xBB\xBF") return JsonError("byte-order mark", kEncoding, 0, "");
  const auto valid = static_cast<size_t>(ValidUtf8Prefix(text));
  if (valid < text.size()) return JsonError("not UTF-8", kEncoding, valid, "");
  // nlohmann takes a zero byte between tokens for the end of the text, whatever follows.
  const size_t zero = text.find('\0');
  if (zero != absl::string_view::npos) return JsonError("zero byte", kNotJson, zero, "");
  Json root;
  StrictSax sax(root, text, limits.depth_max);
  const char* const end = text.data() + text.size();
  if (!Json::sax_parse(CountingIterator(text.data(), sax.read()), CountingIterator(end, sax.read()),
                       &sax, Json::input_format_t::json, /*strict=*/true)) {
    return sax.status();
  }
  return root;
}

absl::StatusOr<std::string> JsonString(const Json& object, const char* field) {
  const Json* value = Find(object, field);
  if (value == nullptr || !value->is_string()) return FieldError(field, "a string");
  return value->get<std::string>();
}

absl::StatusOr<int64_t> JsonInt(const Json& object, const char* field) {
  const Json* value = Find(object, field);
  if (value == nullptr || !value->is_number_integer()) return FieldError(field, "an integer");
  if (value->is_number_unsigned() &&
      value->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return FieldError(field, "at most 2^63-1");
  }
  return value->get<int64_t>();
}

absl::StatusOr<double> JsonNumber(const Json& object, const char* field) {
  const Json* value = Find(object, field);
  if (value == nullptr || !value->is_number()) return FieldError(field, "a number");
  return value->get<double>();
}

absl::StatusOr<bool> JsonBool(const Json& object, const char* field) {
  const Json* value = Find(object, field);
  if (value == nullptr || !value->is_boolean()) return FieldError(field, "true or false");
  return value->get<bool>();
}

absl::Status CheckJsonKeys(const Json& object, std::initializer_list<absl::string_view> allowed) {
  if (!object.is_object()) return FieldError("$", "an object");
  for (const auto& [key, value] : object.items()) {
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      return FieldError(Shown(key).c_str(), absl::StrCat("one of ", absl::StrJoin(allowed, ", ")));
    }
  }
  return absl::OkStatus();
}

}  // namespace kalavai
