#include "coordinator/launch/enrollment_service.h"

#include <optional>

#include "absl/strings/str_cat.h"

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/signing_key.h"
#include "common/rpc/resource_name.h"
#include "coordinator/launch/cooperative_message.h"
#include "coordinator/launch/invitation.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

constexpr absl::Duration kLifetime = absl::Seconds(limits::kCertificateSeconds);

bool IsUsable(const std::optional<InvitationRow>& invitation, absl::Time now) {
  return invitation.has_value() && !invitation->use_time.has_value() &&
         now < invitation->expire_time;
}

}  // namespace

grpc::ServerUnaryReactor* EnrollmentService::EnrollContributor(
    grpc::CallbackServerContext* context, const v1::EnrollContributorRequest* request,
    v1::EnrollContributorResponse* response) {
  return HandleAnonymousUnary(context, *request, "EnrollmentService/EnrollContributor",
                              [&] { return Enroll(*request, *response); });
}

absl::Status EnrollmentService::Enroll(const v1::EnrollContributorRequest& request,
                                       v1::EnrollContributorResponse& response) {
  // A stranger learns nothing about keys before showing a good secret.
  const Digest digest = InvitationSecretDigest(request.secret());
  ASSIGN_OR_RETURN(const auto known, parts_.cooperatives.FindInvitation(digest));
  if (!IsUsable(known, parts_.clock.Now())) return InvitationInvalid();
  ASSIGN_OR_RETURN(const PublicKey signing_key, PublicKey::FromPem(request.signing_public_key()));
  RETURN_IF_ERROR(signing_key.Verify(request.certificate_request(), request.signing_key_proof()));
  return parts_.database.Transact(
      [&]() -> absl::Status { return EnrollInTransaction(request, response); });
}

absl::Status EnrollmentService::EnrollInTransaction(const v1::EnrollContributorRequest& request,
                                                    v1::EnrollContributorResponse& response) {
  const absl::Time now = parts_.clock.Now();
  const Digest digest = InvitationSecretDigest(request.secret());
  ASSIGN_OR_RETURN(const std::optional<InvitationRow> invitation,
                   parts_.cooperatives.FindInvitation(digest));
  if (!IsUsable(invitation, now)) return InvitationInvalid();
  ASSIGN_OR_RETURN(const CooperativeRow cooperative,
                   parts_.cooperatives.GetFor(invitation->cooperative, CooperativeAct::kJoin));
  ASSIGN_OR_RETURN(const PublicKey signing_key, PublicKey::FromPem(request.signing_public_key()));
  ASSIGN_OR_RETURN(const std::string certificate, parts_.authority.IssueClientCertificate(
                                                      {.csr_pem = request.certificate_request(),
                                                       .common_name = invitation->contributor,
                                                       .now = now,
                                                       .lifetime = kLifetime}));
  CertificateRow row = {.cooperative = invitation->cooperative,
                        .contributor = invitation->contributor};
  ASSIGN_OR_RETURN(row.fingerprint, Fingerprint(certificate));
  ASSIGN_OR_RETURN(row.not_after, NotAfter(certificate));
  RETURN_IF_ERROR(parts_.cooperatives.UseInvitation(digest, now));
  RETURN_IF_ERROR(parts_.cooperatives.Enroll(invitation->cooperative, invitation->contributor,
                                             signing_key.Pem(), row.not_after));
  RETURN_IF_ERROR(parts_.certificates.Insert(row, now));
  const std::string name = ContributorName(invitation->cooperative, invitation->contributor);
  RETURN_IF_ERROR(
      parts_.audit
          .Append(name, "ENROLL_CONTRIBUTOR", name,
                  {{"signing_key", signing_key.Hint()}, {"certificate", row.fingerprint.Hex()}})
          .status());
  ASSIGN_OR_RETURN(
      const ContributorRow contributor,
      parts_.cooperatives.GetContributor(invitation->cooperative, invitation->contributor));
  ASSIGN_OR_RETURN(const auto base, parts_.later.find_base(cooperative.id));
  *response.mutable_contributor() = ToMessage(contributor);
  *response.mutable_cooperative() = ToMessage(cooperative, base);
  response.set_certificate_chain(absl::StrCat(certificate, parts_.authority.certificate_pem()));
  response.set_coordinator_public_key(parts_.coordinator_public_key);
  response.set_log_verifier_key(parts_.log.verifier().Text());
  ASSIGN_OR_RETURN(*response.mutable_tree_head(), parts_.log.Head());
  return absl::OkStatus();
}

}  // namespace kalavai::coordinator
