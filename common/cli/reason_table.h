// What every reason of an error means: the rows of proto/kalavai/v1/error_reason.proto, read
// through the descriptor of ErrorReason, so that there is one table. Pure functions; any thread.
#ifndef KALAVAI_COMMON_CLI_REASON_TABLE_H_
#define KALAVAI_COMMON_CLI_REASON_TABLE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kalavai {

struct ReasonRow {
  std::string reason;  // "BASE_MISMATCH"
  std::string when;    // when it happens
  std::string fix;     // what to do
  int exit_code = 1;   // what a program ends with (design §8)
};

// All rows but ERROR_REASON_UNSPECIFIED, sorted by name.
std::vector<ReasonRow> ReasonRows();

// Returns nullopt for a word that is no reason. Exact; see explain_command.cc for friendlier.
std::optional<ReasonRow> FindReason(absl::string_view reason);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_REASON_TABLE_H_
