// UTF-8 as Unicode 15 §3.9 defines it: no surrogates, no overlong forms, nothing above U+10FFFF.
// Pure functions, linear time.
#ifndef KALAVAI_COMMON_BASE_UTF8_H_
#define KALAVAI_COMMON_BASE_UTF8_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// Returns the offset of the first byte that is not part of a well-formed character, or
// text.size().
int64_t ValidUtf8Prefix(absl::string_view text);

// OK, or INVALID_ARGUMENT, reason TEXT_NOT_UTF8, with the byte offset in the metadata.
absl::Status CheckUtf8(absl::string_view text);

// Returns `text` with each maximal ill-formed part replaced by U+FFFD (Unicode 15 §3.9, table
// 3-8; what Rust's from_utf8_lossy and hence Hugging Face's decoders do).
std::string ReplaceInvalidUtf8(absl::string_view text);

// Returns how many bytes at the end (0 … 3) begin a character that more bytes could complete.
int64_t IncompleteUtf8Suffix(absl::string_view text);

// Returns the number of code points; `text` must be valid.
int64_t CountCharacters(absl::string_view text);

// Returns the byte length of the first `characters` code points (or of all); `text` must be valid.
int64_t CharacterPrefixBytes(absl::string_view text, int64_t characters);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_UTF8_H_
