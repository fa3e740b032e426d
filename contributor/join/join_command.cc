#include "contributor/join/join_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/certificate.h"
#include "common/crypto/signing_key.h"
#include "common/rpc/channel.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "common/rpc/tls_credentials.h"
#include "common/storage/atomic_file.h"
#include "contributor/join/charter.h"
#include "contributor/log_history.h"
#include "contributor/workspace.h"
#include "kalavai/v1/enrollment.grpc.pb.h"

namespace kalavai::contributor {
namespace {

constexpr absl::Duration kHandshakeTimeout = absl::Seconds(limits::kHandshakeSeconds);
constexpr mode_t kPrivateFile = 0600;

struct Flags {
  std::string workspace;
  std::string code;
};

absl::Status NotTrusted(std::string what) {
  return MakeError(absl::StatusCode::kPermissionDenied, "COORDINATOR_NOT_TRUSTED",
                   {.what = std::move(what),
                    .why = "the invitation says which authority the coordinator has; anybody else "
                           "may be listening in its place",
                    .fix = "do not go on: ask the launcher for a new invitation over another "
                           "channel"});
}

// The authority of the invitation, from the chain that the coordinator shows.
absl::StatusOr<std::string> FindAuthority(const Invitation& invitation) {
  absl::StatusOr<std::vector<std::string>> chain =
      FetchPeerChain(invitation.enroll_host, invitation.enroll_port, kHandshakeTimeout);
  if (!chain.ok()) {
    return MakeError(
        absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE",
        {.what = absl::StrCat(invitation.EnrollAddress(), ": ", chain.status().message()),
         .fix = "check that the coordinator runs and that this address can be reached; "
                "the invitation is not used up"});
  }
  for (const std::string& certificate : *chain) {
    ASSIGN_OR_RETURN(const Digest fingerprint, Fingerprint(certificate));
    if (fingerprint != invitation.authority_fingerprint) continue;
    const absl::Status issued =
        VerifyIssuedBy(chain->front(), certificate, CertificatePurpose::kServer, absl::Now());
    if (!issued.ok()) return NotTrusted(std::string(issued.message()));
    return certificate;
  }
  return NotTrusted(absl::StrCat(invitation.EnrollAddress(),
                                 ": shows no authority with the fingerprint ",
                                 invitation.authority_fingerprint.Hex(), " of the invitation"));
}

struct Enrollment {
  SigningKey tls_key;
  SigningKey signing_key;
  std::string authority_pem;
  v1::EnrollContributorResponse response;
};

absl::StatusOr<Enrollment> Enroll(const Invitation& invitation, const std::string& authority) {
  ASSIGN_OR_RETURN(SigningKey tls_key, SigningKey::Create());
  ASSIGN_OR_RETURN(SigningKey signing_key, SigningKey::Create());
  v1::EnrollContributorRequest request;
  request.set_secret(invitation.secret.Reveal());
  ASSIGN_OR_RETURN(*request.mutable_certificate_request(),
                   CreateCsr(tls_key, invitation.contributor));
  request.set_signing_public_key(signing_key.public_key().Pem());
  ASSIGN_OR_RETURN(*request.mutable_signing_key_proof(),
                   signing_key.Sign(request.certificate_request()));
  const std::string address = invitation.EnrollAddress();
  const auto stub =
      v1::EnrollmentService::NewStub(MakeChannel(address, TlsChannelCredentials(authority)));
  // Once: a repeated call would find the invitation used.
  absl::StatusOr<v1::EnrollContributorResponse> response = CallUnary(
      address, *stub, &v1::EnrollmentService::Stub::EnrollContributor, request, {.attempts = 1});
  if (!response.ok()) return response.status();
  return Enrollment{.tls_key = std::move(tls_key),
                    .signing_key = std::move(signing_key),
                    .authority_pem = authority,
                    .response = *std::move(response)};
}

// The certificate is for our key and our name, from the authority.
absl::Status CheckCertificate(const Enrollment& enrollment, const Invitation& invitation) {
  ASSIGN_OR_RETURN(const std::vector<std::string> chain,
                   SplitCertificates(enrollment.response.certificate_chain()));
  RETURN_IF_ERROR(VerifyIssuedBy(chain.front(), enrollment.authority_pem,
                                 CertificatePurpose::kClient, absl::Now()));
  ASSIGN_OR_RETURN(const PublicKey key, PublicKeyOf(chain.front()));
  ASSIGN_OR_RETURN(const std::string name, CommonName(chain.front()));
  if (!(key == enrollment.tls_key.public_key()) || name != invitation.contributor) {
    return NotTrusted("the certificate that came back is for another key or name");
  }
  return absl::OkStatus();
}

absl::Status Save(const Workspace& workspace, const Enrollment& enrollment,
                  const Membership& membership) {
  RETURN_IF_ERROR(workspace.Create());
  ASSIGN_OR_RETURN(const std::string tls_key, enrollment.tls_key.PrivatePem());
  ASSIGN_OR_RETURN(const std::string signing_key, enrollment.signing_key.PrivatePem());
  const v1::EnrollContributorResponse& response = enrollment.response;
  // Whatever an earlier, broken join left counts for nothing and is replaced.
  for (const auto& [path, bytes] :
       {std::pair<std::string, const std::string&>{workspace.TlsKeyFile(), tls_key},
        {workspace.SigningKeyFile(), signing_key},
        {workspace.TlsCertificateFile(), response.certificate_chain()},
        {workspace.TlsAuthorityFile(), enrollment.authority_pem},
        {workspace.CoordinatorKeyFile(), response.coordinator_public_key()},
        {workspace.CharterFile(), response.cooperative().charter_envelope()}}) {
    RETURN_IF_ERROR(WriteFileAtomically(path, bytes, kPrivateFile));
  }
  ASSIGN_OR_RETURN(const PublicKey coordinator_key,
                   PublicKey::FromPem(response.coordinator_public_key()));
  RETURN_IF_ERROR(
      PinLog(workspace, coordinator_key, response.log_verifier_key(), response.tree_head()));
  return workspace.SaveMembership(membership);
}

void Report(const Workspace& workspace, const Membership& member, const Charter& charter,
            const Enrollment& enrollment, Console& console) {
  const nlohmann::json result = {{"workspace", workspace.root()},
                                 {"cooperative", member.cooperative},
                                 {"contributor", member.contributor},
                                 {"domain", member.domain},
                                 {"coordinator", member.coordinator},
                                 {"coordinator_key", charter.coordinator},
                                 {"log_verifier_key", enrollment.response.log_verifier_key()},
                                 {"authority_fingerprint", member.authority_fingerprint},
                                 {"base_digest", member.base_digest},
                                 {"freeze_depth", member.freeze_depth},
                                 {"signing_key", enrollment.signing_key.public_key().Hint()}};
  console.Result(
      result,
      absl::StrCat(
          "joined ", member.cooperative, " as ", member.ContributorId(), ", domain ", member.domain,
          "\n  from now on this workspace trusts\n    authority   ", member.authority_fingerprint,
          "  (TLS of ", member.coordinator, ")\n    coordinator ", charter.coordinator,
          "  (signs charter, base, receipts, releases)\n    record      ",
          enrollment.response.log_verifier_key(), "  (signs tree heads)\n  charter of ",
          charter.launch_time, ", verified\n    base        ", charter.base_digest,
          "\n    domains     ", absl::StrJoin(charter.domains, ", "), "\n    frozen      ",
          charter.freeze_depth == 0
              ? std::string("nothing")
              : absl::StrCat("input embedding and the lowest ", charter.freeze_depth, " blocks"),
          "\n  the private keys in ", workspace.root(), "/keys and ", workspace.root(),
          "/tls never leave this machine\nnext: kalavai fetch"));
}

absl::Status Join(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  if (workspace.HasJoined()) {
    ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());
    return MakeError(absl::StatusCode::kAlreadyExists, "ALREADY_JOINED",
                     {.what = absl::StrCat(workspace.root(), ": belongs to ", member.contributor,
                                           "; must be a new workspace"),
                      .why = "a workspace belongs to one member of one cooperative",
                      .fix = "use another --workspace",
                      .metadata = {{"contributor", member.contributor}}});
  }
  ASSIGN_OR_RETURN(const Invitation invitation, ParseInvitation(flags.code));
  console.Note(absl::StrCat("asking ", invitation.EnrollAddress(), " for its certificate"));
  ASSIGN_OR_RETURN(const std::string authority, FindAuthority(invitation));
  // Before the invitation is used up: the place where its fruit will be kept.
  RETURN_IF_ERROR(workspace.Create());
  ASSIGN_OR_RETURN(const Enrollment enrollment, Enroll(invitation, authority));
  RETURN_IF_ERROR(CheckCertificate(enrollment, invitation));
  ASSIGN_OR_RETURN(const PublicKey coordinator_key,
                   PublicKey::FromPem(enrollment.response.coordinator_public_key()));
  const std::string cooperative = CooperativeName(invitation.cooperative);
  ASSIGN_OR_RETURN(const Charter charter,
                   VerifyCharter(enrollment.response.cooperative().charter_envelope(),
                                 coordinator_key, cooperative));
  const std::string& domain = enrollment.response.contributor().domain();
  if (std::find(charter.domains.begin(), charter.domains.end(), domain) == charter.domains.end()) {
    return NotTrusted("the domain that came back is none of the charter's");
  }
  const Membership membership = {
      .coordinator = invitation.service_address,
      .cooperative = cooperative,
      .contributor = ContributorName(invitation.cooperative, invitation.contributor),
      .domain = domain,
      .base_digest = charter.base_digest,
      .freeze_depth = charter.freeze_depth,
      .chunk_tokens = charter.chunk_tokens,
      .authority_fingerprint = invitation.authority_fingerprint.Hex()};
  RETURN_IF_ERROR(Save(workspace, enrollment, membership));
  Report(workspace, membership, charter, enrollment, console);
  return absl::OkStatus();
}

}  // namespace

Command MakeJoinCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "join",
          .summary = "become a member with the code of an invitation",
          .details = "  kalavai join kalavai1-…\n  kalavai join kalavai1-… --workspace ./ward-3\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("code", flags->code, "the invitation")->required();
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Join(*flags, console); }};
}

}  // namespace kalavai::contributor
