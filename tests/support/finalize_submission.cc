#include "tests/support/finalize_submission.h"

#include "grpcpp/client_context.h"

#include "common/base/status_macros.h"
#include "common/rpc/status_conversion.h"

namespace kalavai::testing {

absl::StatusOr<v1::Submission> FinalizeAndWait(v1::SubmissionService::StubInterface& stub,
                                               const std::string& name) {
  v1::Submission submission;
  v1::FinalizeSubmissionRequest finalize;
  finalize.set_name(name);
  grpc::ClientContext finalizing;
  RETURN_IF_ERROR(FromGrpcStatus(stub.FinalizeSubmission(&finalizing, finalize, &submission)));
  v1::GetSubmissionRequest watch;
  watch.set_name(name);
  grpc::ClientContext watching;
  const auto stream = stub.WatchSubmission(&watching, watch);
  while (stream->Read(&submission)) continue;
  RETURN_IF_ERROR(FromGrpcStatus(stream->Finish()));
  return submission;
}

}  // namespace kalavai::testing
