// Exit codes of both programs (design §8).
#ifndef KALAVAI_COMMON_CLI_EXIT_CODE_H_
#define KALAVAI_COMMON_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace kalavai {

enum class ExitCode {
  kDone = 0,          // done or accepted
  kRefused = 1,       // refused or failed, with its reason
  kUsage = 2,         // wrong usage
  kRetry = 3,         // not reachable or busy: worth trying again
  kContradicted = 4,  // the coordinator's history contradicts what this client has seen
  kInterrupted = 130  // interrupted, resumable
};

// By the error's reason, as its row in error_reason.proto says (so that `explain` tells the truth);
// without a known reason by status code: UNAVAILABLE, DEADLINE_EXCEEDED and ABORTED are kRetry,
// CANCELLED kInterrupted, every other error kRefused.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_EXIT_CODE_H_
