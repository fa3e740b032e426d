// The version and commit this program was built from.
#ifndef KALAVAI_COMMON_BASE_VERSION_H_
#define KALAVAI_COMMON_BASE_VERSION_H_

#include "absl/strings/string_view.h"

namespace kalavai {

absl::string_view Version();  // "0.1.0"
absl::string_view Commit();   // twelve hex digits, or "" outside a git checkout

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_VERSION_H_
