#include "common/base/json_reader.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

absl::Status JsonError(const std::string& what, int64_t offset) {
  return MakeError(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                   {.what = absl::StrCat(what, " at byte ", offset),
                    .why = "a value with two readings cannot be trusted",
                    .fix = "",
                    .metadata = {{"offset", absl::StrCat(offset)}}});
}

// Wraps nlohmann's DOM builder: refuses duplicate keys and depth, keeps the first error's place.
class StrictSax : public nlohmann::json_sax<Json> {
 public:
  StrictSax(Json& root, int64_t depth_max)
      : builder_(root, /*allow_exceptions=*/false), depth_max_(depth_max) {}

  bool null() override { return builder_.null(); }
  bool boolean(bool value) override { return builder_.boolean(value); }
  bool number_integer(number_integer_t value) override { return builder_.number_integer(value); }
  bool number_unsigned(number_unsigned_t value) override { return builder_.number_unsigned(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!std::isfinite(value))
      return Refuse(absl::StrCat("number '", text.substr(0, 40), "' is out of range"));
    return builder_.number_float(value, text);
  }
  bool string(string_t& value) override { return builder_.string(value); }
  bool binary(binary_t& value) override { return builder_.binary(value); }
  bool start_object(std::size_t size) override {
    if (!Enter()) return false;
    keys_.emplace_back();
    return builder_.start_object(size);
  }
  bool key(string_t& value) override {
    if (!keys_.back().insert(value).second) {
      return Refuse(absl::StrCat("duplicate key '", value.substr(0, 80), "'"));
    }
    return builder_.key(value);
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return builder_.end_object();
  }
  bool start_array(std::size_t size) override { return Enter() && builder_.start_array(size); }
  bool end_array() override {
    --depth_;
    return builder_.end_array();
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    offset_ = static_cast<int64_t>(position);
    if (refusal_.empty()) refusal_ = "syntax error or invalid UTF-8";
    return false;
  }

  absl::Status status(int64_t size) const {
    return JsonError(refusal_.empty() ? "syntax error" : refusal_, offset_ >= 0 ? offset_ : size);
  }

 private:
  bool Refuse(std::string what) {
    refusal_ = std::move(what);
    return false;
  }
  bool Enter() {
    return ++depth_ <= depth_max_ || Refuse(absl::StrCat("depth exceeds ", depth_max_));
  }

  nlohmann::detail::json_sax_dom_parser<Json> builder_;
  const int64_t depth_max_;
  int64_t depth_ = 0;
  int64_t offset_ = -1;
  std::vector<std::set<std::string>> keys_;
  std::string refusal_;
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
    return JsonError(absl::StrCat(text.size(), " bytes found; must be at most ", limits.bytes_max),
                     0);
  }
  // nlohmann accepts a byte-order mark; RFC 8259 §8.1 lets us refuse it, and then a value has one
  // spelling.
  if (text.substr(0, 3) == "\xEF\xBB\xBF") return JsonError("byte-order mark", 0);
  Json root;
  StrictSax sax(root, limits.depth_max);
  if (!Json::sax_parse(text.begin(), text.end(), &sax, Json::input_format_t::json,
                       /*strict=*/true)) {
    return sax.status(static_cast<int64_t>(text.size()));
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

}  // namespace kalavai
