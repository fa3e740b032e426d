// Structured log lines, one event a line, on standard error (the coordinator's log; a member's
// standard output is its result):
//
//   2026-11-23T10:00:00.123Z info "Admitted submission" submission=cooperatives/c/submissions/s
//   seconds=1.2
//
// The event is a constant text: capital letter, past tense, no full stop. Libraries return errors
// and do not log them. Secrets have no way in: values are strings the caller chose. Thread-safe;
// one write(2) a line.
#ifndef KALAVAI_COMMON_BASE_LOGGING_H_
#define KALAVAI_COMMON_BASE_LOGGING_H_

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace kalavai {

using LogFields = std::initializer_list<std::pair<absl::string_view, std::string>>;

void LogInfo(absl::string_view event, LogFields fields = {});
void LogWarning(absl::string_view event, LogFields fields = {});  // degraded
void LogError(absl::string_view event, LogFields fields = {});    // an operator must act

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_LOGGING_H_
