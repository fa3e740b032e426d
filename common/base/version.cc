#include "common/base/version.h"

namespace kalavai {

absl::string_view Version() { return KALAVAI_VERSION; }
absl::string_view Commit() { return KALAVAI_COMMIT; }

}  // namespace kalavai
