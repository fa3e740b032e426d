// Text forms of bytes: lower-case hex, base64 (RFC 4648 §4, strict) and base64url without padding
// (§5, strict).
#ifndef KALAVAI_COMMON_BASE_HEX_H_
#define KALAVAI_COMMON_BASE_HEX_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

std::string HexEncode(absl::string_view bytes);
// Accepts lower-case digits only, so that every value has one spelling.
absl::StatusOr<std::string> HexDecode(absl::string_view text);

std::string Base64Encode(absl::string_view bytes);
// Refuses white space, url-safe characters, missing padding and non-zero trailing bits: one
// spelling a value.
absl::StatusOr<std::string> Base64Decode(absl::string_view text);

std::string Base64UrlEncode(absl::string_view bytes);
absl::StatusOr<std::string> Base64UrlDecode(absl::string_view text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_HEX_H_
