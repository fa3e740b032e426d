// Goal: the uploader goes on after what passes by itself, and stops at what does not.
// Method: a table of statuses as a coordinator or the network gives them. The transfer itself:
// tests/integration/submission_test.cc.
#include "contributor/submission/resumable_uploader.h"

#include "tests/support/catch.h"

namespace kalavai::contributor {
namespace {

TEST_CASE("Each kind of break is either resumed or final", "[contributor]") {
  struct Case {
    absl::StatusCode code;
    const char* reason;
    bool resumable;
  };
  const Case cases[] = {
      {absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE", true},
      {absl::StatusCode::kUnavailable, "COORDINATOR_NOT_TRUSTED", false},
      {absl::StatusCode::kUnavailable, "SHUTTING_DOWN", true},
      {absl::StatusCode::kAborted, "UPLOAD_BUSY", true},
      {absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH", true},
      {absl::StatusCode::kDataLoss, "DIGEST_MISMATCH", true},
      {absl::StatusCode::kInternal, "INTERNAL", true},
      {absl::StatusCode::kDeadlineExceeded, "COORDINATOR_UNREACHABLE", true},
      {absl::StatusCode::kCancelled, "", true},
      {absl::StatusCode::kCancelled, "INTERRUPTED", false},
      {absl::StatusCode::kResourceExhausted, "QUEUE_FULL", true},
      {absl::StatusCode::kResourceExhausted, "DISK_FULL", false},
      {absl::StatusCode::kResourceExhausted, "TOO_MANY_UPLOADS", false},
      {absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED", false},
      {absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH", false},
      {absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH", false},
      {absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND", false},
      {absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED", false},
  };
  for (const Case& broken : cases) {
    INFO(absl::StatusCodeToString(broken.code) << " " << broken.reason);
    CHECK(IsResumable(MakeError(broken.code, broken.reason, {.what = "broken"})) ==
          broken.resumable);
  }
}

}  // namespace
}  // namespace kalavai::contributor
