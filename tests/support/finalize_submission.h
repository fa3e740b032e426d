// Finalises a submission whose files have been sent, and waits for its verdict.
#ifndef KALAVAI_TESTS_SUPPORT_FINALIZE_SUBMISSION_H_
#define KALAVAI_TESTS_SUPPORT_FINALIZE_SUBMISSION_H_

#include <string>

#include "absl/status/statusor.h"

#include "kalavai/v1/submission.grpc.pb.h"

namespace kalavai::testing {

// The submission as its watch last said. Errors: those of the two calls.
absl::StatusOr<v1::Submission> FinalizeAndWait(v1::SubmissionService::StubInterface& stub,
                                               const std::string& name);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_FINALIZE_SUBMISSION_H_
