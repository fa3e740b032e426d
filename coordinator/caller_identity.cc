#include "coordinator/caller_identity.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/auth_context.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/certificate.h"
#include "common/rpc/resource_name.h"
#include "grpc/grpc_security_constants.h"

namespace kalavai::coordinator {
namespace {

absl::Status Unauthenticated() {
  return MakeError(absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED",
                   {.what = "client certificate: missing, unknown, expired or revoked; must be one "
                            "that this coordinator issued and has not revoked",
                    .why = "the certificate is the only proof of who calls",
                    .fix = "join with an invitation; a member that was withdrawn fetches its "
                           "receipt with 'kalavai withdraw'; administrators use the files in "
                           "DATA/administrator"});
}

// The one certificate the peer showed, in PEM; "" when there is none.
std::string CertificateOf(const grpc::ServerContextBase& context) {
  const auto authentication = context.auth_context();
  if (authentication == nullptr || !authentication->IsPeerAuthenticated()) return "";
  const std::vector<grpc::string_ref> certificates =
      authentication->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.size() != 1) return "";
  return {certificates[0].data(), certificates[0].size()};
}

}  // namespace

std::string Caller::Name() const {
  return IsAdministrator() ? "administrator" : ContributorName(cooperative, contributor);
}

absl::Status PermissionDenied() {
  return MakeError(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED",
                   {.what = "this caller may not do this, or there is no such resource",
                    .why = "members act on what is theirs; administrators found, invite, fuse and "
                           "decide",
                    .fix = "check the name; use the workspace that owns it, or ask an "
                           "administrator"});
}

absl::Status Caller::RequireAdministrator() const {
  return IsAdministrator() ? absl::OkStatus() : PermissionDenied();
}

absl::Status Caller::RequireCooperative(absl::string_view cooperative_id) const {
  return IsAdministrator() || cooperative == cooperative_id ? absl::OkStatus() : PermissionDenied();
}

absl::Status Caller::RequireMemberOf(absl::string_view cooperative_id) const {
  return !IsAdministrator() && cooperative == cooperative_id ? absl::OkStatus()
                                                             : PermissionDenied();
}

absl::Status Caller::RequireContributor(absl::string_view cooperative_id,
                                        absl::string_view contributor_id) const {
  const bool own = cooperative == cooperative_id && contributor == contributor_id;
  return IsAdministrator() || own ? absl::OkStatus() : PermissionDenied();
}

absl::Status CheckMessageSize(const google::protobuf::MessageLite& message) {
  const auto size = static_cast<int64_t>(message.ByteSizeLong());
  if (size <= limits::kMessageBytesMax) return absl::OkStatus();
  return MakeError(absl::StatusCode::kResourceExhausted, "MESSAGE_TOO_LARGE",
                   {.what = absl::StrCat("request: ", size, " bytes; must be at most ",
                                         limits::kMessageBytesMax),
                    .why = "only the chunks of an upload may be larger",
                    .fix = "shorten the request's texts and lists, or split it",
                    .metadata = {{"size_bytes", absl::StrCat(size)},
                                 {"size_bytes_max", absl::StrCat(limits::kMessageBytesMax)}}});
}

absl::StatusOr<Caller> CallerResolver::Resolve(const grpc::ServerContextBase& context,
                                               const google::protobuf::MessageLite& request) const {
  ASSIGN_OR_RETURN(Caller caller, ResolveStream(context));
  RETURN_IF_ERROR(CheckMessageSize(request));
  return caller;
}

absl::StatusOr<Caller> CallerResolver::ResolveLeaving(
    const grpc::ServerContextBase& context, const google::protobuf::MessageLite& request) const {
  ASSIGN_OR_RETURN(Caller caller, ResolveLeavingPem(CertificateOf(context)));
  RETURN_IF_ERROR(CheckMessageSize(request));
  return caller;
}

absl::StatusOr<Caller> CallerResolver::ResolveStream(const grpc::ServerContextBase& context) const {
  return ResolvePem(CertificateOf(context));
}

absl::StatusOr<Caller> CallerResolver::ResolvePem(absl::string_view certificate_pem) const {
  ASSIGN_OR_RETURN(Caller caller, ResolveLeavingPem(certificate_pem));
  if (caller.revoked) return Unauthenticated();
  return caller;
}

absl::StatusOr<Caller> CallerResolver::ResolveLeavingPem(absl::string_view certificate_pem) const {
  if (certificate_pem.empty()) return Unauthenticated();
  const absl::StatusOr<Digest> fingerprint = Fingerprint(certificate_pem);
  if (!fingerprint.ok()) return Unauthenticated();
  ASSIGN_OR_RETURN(const std::optional<CertificateRow> row, certificates_.Find(*fingerprint));
  if (!row.has_value() || clock_.Now() >= row->not_after) return Unauthenticated();
  if (row->revoke_time.has_value() && row->contributor.empty()) return Unauthenticated();
  return Caller{.cooperative = row->cooperative,
                .contributor = row->contributor,
                .fingerprint = fingerprint->Hex(),
                .revoked = row->revoke_time.has_value()};
}

}  // namespace kalavai::coordinator
