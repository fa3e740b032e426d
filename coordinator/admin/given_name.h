// Names as people type them: an id under the cooperative of --cooperative, or the whole resource
// name that another command printed. Both mean the same everywhere.
//
// Errors: INVALID_ARGUMENT USAGE for a name of another cooperative, or for an id when no
// cooperative is given; NAME_INVALID of the parsers. Pure functions.
#ifndef KALAVAI_COORDINATOR_ADMIN_GIVEN_NAME_H_
#define KALAVAI_COORDINATOR_ADMIN_GIVEN_NAME_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai::coordinator {

// The resource name. `cooperative`: an id, "" where the command has no such flag or none was given.
absl::StatusOr<std::string> GivenFusion(absl::string_view cooperative, absl::string_view text);
absl::StatusOr<std::string> GivenSubmission(absl::string_view cooperative, absl::string_view text);
absl::StatusOr<std::string> GivenModel(absl::string_view cooperative, absl::string_view text);

// The last segment of what those return: the id alone.
std::string IdOf(absl::string_view name);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_GIVEN_NAME_H_
