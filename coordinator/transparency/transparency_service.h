// TransparencyLogService: shows the record, its signed heads and proofs. Members and
// administrators; a member sees every leaf, because leaves hold names, digests and figures only.
// Thread-safe.
#ifndef KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_SERVICE_H_
#define KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_SERVICE_H_

#include "coordinator/caller_identity.h"
#include "coordinator/transparency/signed_log.h"
#include "kalavai/v1/transparency.grpc.pb.h"

namespace kalavai::coordinator {

class TransparencyService final : public v1::TransparencyLogService::CallbackService {
 public:
  // Borrows both.
  TransparencyService(const SignedLog& log, const CallerResolver& resolver)
      : log_(log), resolver_(resolver) {}

  grpc::ServerUnaryReactor* ListLogEntries(grpc::CallbackServerContext* context,
                                           const v1::ListLogEntriesRequest* request,
                                           v1::ListLogEntriesResponse* response) override;
  grpc::ServerUnaryReactor* GetTreeHead(grpc::CallbackServerContext* context,
                                        const v1::GetTreeHeadRequest* request,
                                        v1::TreeHead* response) override;
  grpc::ServerUnaryReactor* GetInclusionProof(grpc::CallbackServerContext* context,
                                              const v1::GetInclusionProofRequest* request,
                                              v1::InclusionProof* response) override;
  grpc::ServerUnaryReactor* GetConsistencyProof(grpc::CallbackServerContext* context,
                                                const v1::GetConsistencyProofRequest* request,
                                                v1::ConsistencyProof* response) override;

 private:
  const SignedLog& log_;
  const CallerResolver& resolver_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_SERVICE_H_
