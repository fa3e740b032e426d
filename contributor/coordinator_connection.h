// From a workspace to a coordinator: who this member is, the keys it trusts, an authenticated
// channel.
//
//   ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
//   const auto stub = v1::PredictionService::NewStub(coordinator.channel);
//   ASSIGN_OR_RETURN(const auto response,
//                    CallUnary(coordinator.address(), *stub, &Stub::Method, request));
//
// Only the authority pinned by the invitation is trusted, and the member shows its certificate in
// every handshake. Connect also demands that the record of now continues the record this workspace
// has seen (log_history.h), so that nothing is sent to a coordinator that rewrote it.
// Errors: NOT_JOINED; CERTIFICATE_INVALID when the member's certificate is over; DATA_LOSS
// LOG_INCONSISTENT; those of the files and, of Connect, of the connection. Any thread.
#ifndef KALAVAI_CONTRIBUTOR_COORDINATOR_CONNECTION_H_
#define KALAVAI_CONTRIBUTOR_COORDINATOR_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"

#include "common/crypto/signing_key.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

struct CoordinatorConnection {
  Membership membership;
  PublicKey coordinator_key;  // signs charter, base, receipts, releases
  std::shared_ptr<grpc::Channel> channel;

  const std::string& address() const { return membership.coordinator; }
};

absl::StatusOr<CoordinatorConnection> Connect(const Workspace& workspace);

// Connects when first used and demands nothing: for leaving, which must stay possible whatever the
// coordinator did to its record.
absl::StatusOr<CoordinatorConnection> ConnectUnchecked(const Workspace& workspace);

// The key that signed charter, base, receipts and releases, as enrolment delivered it.
absl::StatusOr<PublicKey> LoadCoordinatorKey(const Workspace& workspace);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_COORDINATOR_CONNECTION_H_
