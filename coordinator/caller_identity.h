// Who is calling: from the certificate of the TLS connection, and from nothing else. No request
// field names a caller.
//
//   return HandleUnary(context, *request, resolver_, "SubmissionService/CreateSubmission",
//                      [&](const Caller& caller) -> absl::Status {   // coordinator/unary_handler.h
//     ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request->parent()));
//     RETURN_IF_ERROR(caller.RequireMemberOf(cooperative));
//     …
//
// Resolved on every call, so that a revoked certificate is refused on open connections too.
// Errors: UNAUTHENTICATED, reason UNAUTHENTICATED (no certificate, unknown, expired or revoked: one
// text); the Require functions PERMISSION_DENIED, reason PERMISSION_DENIED, the same text for what
// is another's and for what does not exist (AIP-211). Thread-safe.
#ifndef KALAVAI_COORDINATOR_CALLER_IDENTITY_H_
#define KALAVAI_COORDINATOR_CALLER_IDENTITY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"

#include "common/base/clock.h"
#include "coordinator/certificate_store.h"

namespace kalavai::coordinator {

struct Caller {
  std::string cooperative = {};  // id; "" for an administrator
  std::string contributor = {};  // id; "" for an administrator
  std::string fingerprint = {};  // of the certificate, hexadecimal
  bool revoked = false;          // only ever of ResolveLeaving

  bool IsAdministrator() const { return contributor.empty(); }
  // "administrator", or the contributor's resource name: the actor in the log.
  std::string Name() const;

  absl::Status RequireAdministrator() const;
  // An administrator, or a member of this cooperative.
  absl::Status RequireCooperative(absl::string_view cooperative_id) const;
  // A member of this cooperative; an administrator is refused.
  absl::Status RequireMemberOf(absl::string_view cooperative_id) const;
  // An administrator, or exactly this member.
  absl::Status RequireContributor(absl::string_view cooperative_id,
                                  absl::string_view contributor_id) const;
};

// What the Require functions return, for services that look something up first.
absl::Status PermissionDenied();

// OK, or RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE for a message above limits::kMessageBytesMax: gRPC
// has one limit a server, and the main listener's is the upload's, so that every other message is
// measured after it was read. Every message but WriteUpload's passes here.
absl::Status CheckMessageSize(const google::protobuf::MessageLite& message);

class CallerResolver {
 public:
  CallerResolver(const CertificateStore& certificates, const Clock& clock)
      : certificates_(certificates), clock_(clock) {}

  // `request`: the call's one message, which must pass CheckMessageSize.
  absl::StatusOr<Caller> Resolve(const grpc::ServerContextBase& context,
                                 const google::protobuf::MessageLite& request) const;
  // For calls whose messages are still to come; they check each themselves.
  absl::StatusOr<Caller> ResolveStream(const grpc::ServerContextBase& context) const;
  // For the one call that revokes its own caller, so that it can be repeated: a member's revoked
  // certificate is resolved too, with `revoked` set. An administrator's is not.
  absl::StatusOr<Caller> ResolveLeaving(const grpc::ServerContextBase& context,
                                        const google::protobuf::MessageLite& request) const;
  // From a certificate in PEM; "" when the caller showed none.
  absl::StatusOr<Caller> ResolvePem(absl::string_view certificate_pem) const;
  absl::StatusOr<Caller> ResolveLeavingPem(absl::string_view certificate_pem) const;

 private:
  const CertificateStore& certificates_;
  const Clock& clock_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_CALLER_IDENTITY_H_
