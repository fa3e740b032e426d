#include "common/rpc/page_token.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/crypto/sha256.h"

namespace kalavai {
namespace {

constexpr size_t kBindingBytes = 8;

std::string Binding(absl::string_view request) {
  return std::string(Sha256Of(request).bytes().substr(0, kBindingBytes));
}

}  // namespace

std::string FormatPageToken(absl::string_view request, absl::string_view position) {
  return Base64UrlEncode(absl::StrCat(Binding(request), position));
}

absl::StatusOr<std::string> ParsePageToken(absl::string_view request, absl::string_view token) {
  if (token.empty()) return std::string();
  const absl::StatusOr<std::string> bytes = Base64UrlDecode(token);
  if (!bytes.ok() || bytes->size() <= kBindingBytes ||
      bytes->substr(0, kBindingBytes) != Binding(request)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID",
                     {.what = "page_token: not of this request; must be the next_page_token of the "
                              "same list with the same parent",
                      .fix = "start again without a page_token"});
  }
  return bytes->substr(kBindingBytes);
}

absl::StatusOr<int64_t> PageSize(int64_t requested) {
  if (requested < 0) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
        {.what = absl::StrCat("page_size: ", requested, " found; must not be negative"),
         .fix = "leave it out, or pass a number from 1 to 500",
         .metadata = {{"field", "page_size"}}});
  }
  return requested == 0 ? limits::kPageSizeDefault : std::min(requested, limits::kPageSizeMax);
}

}  // namespace kalavai
