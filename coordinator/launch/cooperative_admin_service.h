// CooperativeAdmin: founding, probe text, charter, invitations, membership. An adapter: it parses
// names, checks who calls and in which phase, and makes each change with its log leaf in one
// transaction. Long work (importing a base, reading probe text) runs on the worker queue.
// Thread-safe.
#ifndef KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_ADMIN_SERVICE_H_
#define KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_ADMIN_SERVICE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

#include "common/base/clock.h"
#include "common/base/worker_queue.h"
#include "common/crypto/certificate.h"
#include "common/crypto/signing_key.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/caller_identity.h"
#include "coordinator/certificate_store.h"
#include "coordinator/launch/charter.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/launch/later_phases.h"
#include "coordinator/launch/router_part.h"
#include "coordinator/launch/sample_sharing.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::coordinator {

// Where members reach the server; known once the listeners are bound.
struct AdvertisedAddresses {
  std::string enroll;   // host:port
  std::string service;  // host:port
};

class CooperativeAdminService final : public v1::CooperativeAdmin::CallbackService {
 public:
  // Everything is borrowed and outlives the service.
  struct Parts {
    Database& database;
    BlobStore& blobs;
    CooperativeStore& cooperatives;
    CertificateStore& certificates;
    Audit& audit;
    const CallerResolver& resolver;
    const CertificateAuthority& authority;
    const SigningKey& signing_key;
    const LaterPhases& later;
    std::function<AdvertisedAddresses()> addresses;
    WorkerQueue& workers;
    const Clock& clock;
  };
  explicit CooperativeAdminService(const Parts& parts)
      : parts_(parts),
        samples_({.database = parts.database,
                  .blobs = parts.blobs,
                  .cooperatives = parts.cooperatives,
                  .audit = parts.audit,
                  .later = parts.later,
                  .clock = parts.clock}),
        router_parts_(parts.blobs, parts.cooperatives) {}

  grpc::ServerUnaryReactor* CreateCooperative(grpc::CallbackServerContext* context,
                                              const v1::CreateCooperativeRequest* request,
                                              v1::Cooperative* response) override;
  grpc::ServerUnaryReactor* GetCooperative(grpc::CallbackServerContext* context,
                                           const v1::GetCooperativeRequest* request,
                                           v1::Cooperative* response) override;
  grpc::ServerUnaryReactor* ListCooperatives(grpc::CallbackServerContext* context,
                                             const v1::ListCooperativesRequest* request,
                                             v1::ListCooperativesResponse* response) override;
  grpc::ServerUnaryReactor* ImportCheckpoint(grpc::CallbackServerContext* context,
                                             const v1::ImportCheckpointRequest* request,
                                             v1::Cooperative* response) override;
  grpc::ServerReadReactor<v1::AddProbeTextRequest>* AddProbeText(
      grpc::CallbackServerContext* context, v1::ProbeText* response) override;
  grpc::ServerUnaryReactor* ListProbeTexts(grpc::CallbackServerContext* context,
                                           const v1::ListProbeTextsRequest* request,
                                           v1::ListProbeTextsResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadProbeTextResponse>* ReadProbeText(
      grpc::CallbackServerContext* context, const v1::ReadProbeTextRequest* request) override;
  grpc::ServerReadReactor<v1::AddProbeTextRequest>* ShareSample(
      grpc::CallbackServerContext* context, v1::ProbeText* response) override;
  grpc::ServerUnaryReactor* LaunchCooperative(grpc::CallbackServerContext* context,
                                              const v1::LaunchCooperativeRequest* request,
                                              v1::Cooperative* response) override;
  grpc::ServerUnaryReactor* CreateInvitation(grpc::CallbackServerContext* context,
                                             const v1::CreateInvitationRequest* request,
                                             v1::Invitation* response) override;
  grpc::ServerUnaryReactor* GetContributor(grpc::CallbackServerContext* context,
                                           const v1::GetContributorRequest* request,
                                           v1::Contributor* response) override;
  grpc::ServerUnaryReactor* ListContributors(grpc::CallbackServerContext* context,
                                             const v1::ListContributorsRequest* request,
                                             v1::ListContributorsResponse* response) override;
  grpc::ServerUnaryReactor* WithdrawContributor(grpc::CallbackServerContext* context,
                                                const v1::WithdrawContributorRequest* request,
                                                v1::Contributor* response) override;
  grpc::ServerUnaryReactor* RenewCertificate(grpc::CallbackServerContext* context,
                                             const v1::RenewCertificateRequest* request,
                                             v1::RenewCertificateResponse* response) override;
  grpc::ServerUnaryReactor* DecideSubmission(grpc::CallbackServerContext* context,
                                             const v1::DecideSubmissionRequest* request,
                                             v1::DecideSubmissionResponse* response) override;

 private:
  absl::StatusOr<v1::Cooperative> Message(const std::string& cooperative) const;
  absl::Status Create(const v1::CreateCooperativeRequest& request, const Caller& caller);
  absl::StatusOr<v1::ProbeText> StoreProbeText(const v1::AddProbeTextRequest::Header& header,
                                               const std::string& text, const Caller& caller);
  absl::Status CheckProbeText(const v1::AddProbeTextRequest::Header& header) const;
  absl::StatusOr<Charter> DraftCharter(const std::string& cooperative) const;
  absl::Status CheckCharter(const Charter& charter) const;
  absl::Status Launch(const std::string& cooperative, const Caller& caller);
  absl::Status Invite(const v1::CreateInvitationRequest& request, const Caller& caller,
                      v1::Invitation& response);
  // The member as `caller` may see it: its own leaving with the receipt, others' not at all.
  absl::StatusOr<v1::Contributor> Message(const ContributorRow& row, const Caller& caller,
                                          bool with_receipt) const;
  absl::Status Withdraw(const v1::WithdrawContributorRequest& request, const Caller& caller);
  // Withdraw, the work after it, and the member as it is then.
  absl::Status Leave(const v1::WithdrawContributorRequest& request, const Caller& caller,
                     v1::Contributor& response);
  absl::Status Renew(const v1::RenewCertificateRequest& request, const Caller& caller,
                     v1::RenewCertificateResponse& response);

  const Parts parts_;
  const SampleSharing samples_;
  RouterParts router_parts_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_ADMIN_SERVICE_H_
