// EnrollmentService: an invitation's secret and two public keys in, a member's certificate out.
//
// In one transaction: the invitation is used, the contributor becomes ACTIVE with its signing key,
// the certificate enters the table, the log gets its leaf. A secret that is unknown, used or
// expired is answered with one text. The authority decides the subject; of the request only the key
// counts. Thread-safe.
#ifndef KALAVAI_COORDINATOR_LAUNCH_ENROLLMENT_SERVICE_H_
#define KALAVAI_COORDINATOR_LAUNCH_ENROLLMENT_SERVICE_H_

#include <string>

#include "absl/status/status.h"

#include "common/base/clock.h"
#include "common/crypto/certificate.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/certificate_store.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/launch/later_phases.h"
#include "coordinator/transparency/signed_log.h"
#include "kalavai/v1/enrollment.grpc.pb.h"

namespace kalavai::coordinator {

class EnrollmentService final : public v1::EnrollmentService::CallbackService {
 public:
  // Everything is borrowed and outlives the service.
  struct Parts {
    Database& database;
    CooperativeStore& cooperatives;
    CertificateStore& certificates;
    Audit& audit;
    const CertificateAuthority& authority;
    std::string coordinator_public_key;  // PEM
    const SignedLog& log;
    const LaterPhases& later;
    const Clock& clock;
  };
  explicit EnrollmentService(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* EnrollContributor(grpc::CallbackServerContext* context,
                                              const v1::EnrollContributorRequest* request,
                                              v1::EnrollContributorResponse* response) override;

 private:
  absl::Status Enroll(const v1::EnrollContributorRequest& request,
                      v1::EnrollContributorResponse& response);
  absl::Status EnrollInTransaction(const v1::EnrollContributorRequest& request,
                                   v1::EnrollContributorResponse& response);

  const Parts parts_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_ENROLLMENT_SERVICE_H_
