// Opaque page tokens, bound to the request they continue: base64url of the first 8 bytes of
// SHA-256(request) and the position. A token of another list, parent or filter is refused instead
// of giving a page of something else. Not a secret and not authenticated: a position is only where
// to go on in a list that the caller may read anyway. Pure functions.
#ifndef KALAVAI_COMMON_RPC_PAGE_TOKEN_H_
#define KALAVAI_COMMON_RPC_PAGE_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

// `request` names the method and every field that selects, e.g. "ListContributors cooperatives/c".
// `position` is the last id (or index) already given.
std::string FormatPageToken(absl::string_view request, absl::string_view position);

// Returns the position, "" for an empty token. INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID.
absl::StatusOr<std::string> ParsePageToken(absl::string_view request, absl::string_view token);

// 0 = 100; at most 500. INVALID_ARGUMENT, reason FIELD_INVALID, when negative.
absl::StatusOr<int64_t> PageSize(int64_t requested);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_PAGE_TOKEN_H_
