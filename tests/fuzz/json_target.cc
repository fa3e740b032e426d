#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "nlohmann/json.hpp"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {
namespace {

using Json = nlohmann::json;

// What a reader that tolerates duplicate keys and depth makes of the text.
struct Reference {
  Json value;
  int64_t keys = 0;
  int64_t depth = 0;
};

Reference ReadLoosely(absl::string_view text) {
  Reference reference;
  int64_t depth = 0;
  const auto count = [&](int, Json::parse_event_t event, Json&) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    const bool closes =
        event == Json::parse_event_t::object_end || event == Json::parse_event_t::array_end;
    depth += opens ? 1 : closes ? -1 : 0;
    reference.depth = std::max(reference.depth, depth);
    if (event == Json::parse_event_t::key) ++reference.keys;
    return true;
  };
  reference.value = Json::parse(text.begin(), text.end(), count, /*allow_exceptions=*/false);
  return reference;
}

int64_t CountMembers(const Json& value) {
  int64_t count = value.is_object() ? static_cast<int64_t>(value.size()) : 0;
  if (!value.is_structured()) return count;
  for (const Json& element : value) count += CountMembers(element);
  return count;
}

// An integer beyond 64 bits, which nlohmann rounds, has so many digits.
bool HasLongNumber(absl::string_view text) {
  int64_t digits = 0;
  for (const char c : text) {
    digits = absl::ascii_isdigit(static_cast<unsigned char>(c)) ? digits + 1 : 0;
    if (digits >= 19) return true;
  }
  return false;
}

void CheckAccepted(const Json& value, const Reference& reference) {
  KALAVAI_CHECK(!reference.value.is_discarded(), "what is accepted is JSON");
  KALAVAI_CHECK(value == reference.value, "both readers see one value");
  KALAVAI_CHECK(reference.keys == CountMembers(value), "no key occurs twice");
  KALAVAI_CHECK(reference.depth <= limits::kJsonDepthMax, "depth is bounded");
  const auto again = ReadJson(value.dump());
  KALAVAI_CHECK(again.ok() && *again == value, "written and read again it is the same value");
}

}  // namespace

void FuzzJson(absl::string_view input) {
  const auto value = ReadJson(input);
  const Reference reference = ReadLoosely(input);
  if (value.ok()) return CheckAccepted(*value, reference);
  KALAVAI_CHECK(GetErrorReason(value.status()) == "JSON_INVALID", "a refusal has its reason");
  const int64_t offset = std::stoll(GetErrorDetail(value.status())->text.metadata.at("offset"));
  KALAVAI_CHECK(offset >= 0 && offset <= static_cast<int64_t>(input.size()),
                "the place is in the text");
  // nlohmann takes a NUL for the end of the text.
  const bool strict = HasLongNumber(input) || input.find('\0') != absl::string_view::npos ||
                      input.size() > static_cast<size_t>(limits::kJsonBytesMax) ||
                      input.substr(0, 3) == "\xEF\xBB\xBF" ||
                      reference.depth > limits::kJsonDepthMax;
  if (strict || reference.value.is_discarded()) return;
  KALAVAI_CHECK(reference.keys != CountMembers(reference.value), "only duplicate keys are left");
}

}  // namespace kalavai::fuzz
