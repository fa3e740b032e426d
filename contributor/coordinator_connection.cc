#include "contributor/coordinator_connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/certificate.h"
#include "common/rpc/channel.h"
#include "common/rpc/tls_credentials.h"
#include "common/storage/atomic_file.h"
#include "contributor/log_history.h"

namespace kalavai::contributor {

absl::StatusOr<PublicKey> LoadCoordinatorKey(const Workspace& workspace) {
  ASSIGN_OR_RETURN(const std::string pem,
                   ReadFileBounded(workspace.CoordinatorKeyFile(), limits::kJsonBytesMax));
  absl::StatusOr<PublicKey> key = PublicKey::FromPem(pem);
  if (!key.ok()) return Annotate(key.status(), workspace.CoordinatorKeyFile());
  return key;
}

absl::StatusOr<CoordinatorConnection> Connect(const Workspace& workspace) {
  ASSIGN_OR_RETURN(CoordinatorConnection coordinator, ConnectUnchecked(workspace));
  RETURN_IF_ERROR(CheckLogHistory(workspace, coordinator.address(), coordinator.channel).status());
  return coordinator;
}

absl::StatusOr<CoordinatorConnection> ConnectUnchecked(const Workspace& workspace) {
  ASSIGN_OR_RETURN(Membership membership, workspace.LoadMembership());
  ASSIGN_OR_RETURN(PublicKey coordinator_key, LoadCoordinatorKey(workspace));
  ASSIGN_OR_RETURN(const std::string authority,
                   ReadFileBounded(workspace.TlsAuthorityFile(), limits::kJsonBytesMax));
  TlsIdentity identity;
  ASSIGN_OR_RETURN(identity.certificate_chain_pem,
                   ReadFileBounded(workspace.TlsCertificateFile(), limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::LoadFromFile(workspace.TlsKeyFile()));
  ASSIGN_OR_RETURN(identity.private_key_pem, key.PrivatePem());
  ASSIGN_OR_RETURN(const std::vector<std::string> chain,
                   SplitCertificates(identity.certificate_chain_pem));
  ASSIGN_OR_RETURN(const absl::Time not_after, NotAfter(chain.front()));
  if (absl::Now() >= not_after) {
    return MakeError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_INVALID",
                     {.what = absl::StrCat(workspace.TlsCertificateFile(), ": expired on ",
                                           absl::FormatTime(not_after), "; must be valid"),
                      .why = "certificates are short-lived",
                      .fix = "ask the launcher for a new invitation and join again"});
  }
  std::shared_ptr<grpc::Channel> channel =
      MakeChannel(membership.coordinator, MutualTlsChannelCredentials(identity, authority));
  return CoordinatorConnection{.membership = std::move(membership),
                               .coordinator_key = std::move(coordinator_key),
                               .channel = std::move(channel)};
}

}  // namespace kalavai::contributor
