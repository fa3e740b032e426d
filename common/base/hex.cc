#include "common/base/hex.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace kalavai {
namespace {

// Abseil's decoders are lenient; encoding the result again and comparing makes them strict.
absl::Status NotCanonical(absl::string_view form) {
  return absl::InvalidArgumentError(absl::StrCat("not canonical ", form));
}

}  // namespace

std::string HexEncode(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

absl::StatusOr<std::string> HexDecode(absl::string_view text) {
  if (text.size() % 2 != 0) return NotCanonical("lower-case hex");
  for (const char c : text) {
    if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return NotCanonical("lower-case hex");
  }
  return absl::HexStringToBytes(text);
}

std::string Base64Encode(absl::string_view bytes) { return absl::Base64Escape(bytes); }

absl::StatusOr<std::string> Base64Decode(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text)
    return NotCanonical("base64");
  return bytes;
}

std::string Base64UrlEncode(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

absl::StatusOr<std::string> Base64UrlDecode(absl::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || absl::WebSafeBase64Escape(bytes) != text) {
    return NotCanonical("base64url");
  }
  return bytes;
}

}  // namespace kalavai
