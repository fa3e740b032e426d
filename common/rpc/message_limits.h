// How large the answers to a client may be. What a server reads has limits of its own
// (limits::kMessageBytesMax, kUploadMessageBytesMax); a fusion's report is the largest thing that a
// client asks for.
#ifndef KALAVAI_COMMON_RPC_MESSAGE_LIMITS_H_
#define KALAVAI_COMMON_RPC_MESSAGE_LIMITS_H_

#include <cstdint>

#include "common/base/limits.h"

namespace kalavai {

// report.json, wherever it is read. One of limits::kContributorsMax specialists and
// limits::kDomainsMax domains has about 3 MiB.
inline constexpr int64_t kReportBytesMax = 4 * limits::kMiB;

// One answer: a report and its page.
inline constexpr int64_t kResponseBytesMax = 2 * kReportBytesMax;

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_MESSAGE_LIMITS_H_
