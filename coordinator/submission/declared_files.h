// Which files a submission is made of: the allow-list of names and the sizes that can be right.
// Pure functions; any thread.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_DECLARED_FILES_H_
#define KALAVAI_COORDINATOR_SUBMISSION_DECLARED_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

// The rules that need only names and sizes, so that they hold before a byte travels: FILE_MISSING,
// FILE_NOT_ALLOWED, SIZE_MISMATCH (a report above its limit, weights that cannot be the base's).
absl::Status CheckDeclaredFiles(const std::vector<SubmissionFile>& files,
                                const std::vector<SubmissionFile>& base_files);

// Files a submission must hold, and those it may hold besides. Sorted.
const std::vector<std::string>& RequiredSubmissionFiles();
const std::vector<std::string>& OptionalSubmissionFiles();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_DECLARED_FILES_H_
