// TransparencyLogService: reads the record. Members and administrators; a member sees every leaf,
// because leaves hold names, digests and figures only. Thread-safe.
#ifndef KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_SERVICE_H_
#define KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_SERVICE_H_

#include "coordinator/caller_identity.h"
#include "coordinator/transparency/transparency_log.h"
#include "kalavai/v1/transparency.grpc.pb.h"

namespace kalavai::coordinator {

class TransparencyService final : public v1::TransparencyLogService::CallbackService {
 public:
  TransparencyService(const TransparencyLog& log, const CallerResolver& resolver)
      : log_(log), resolver_(resolver) {}

  grpc::ServerUnaryReactor* ListLogEntries(grpc::CallbackServerContext* context,
                                           const v1::ListLogEntriesRequest* request,
                                           v1::ListLogEntriesResponse* response) override;

 private:
  const TransparencyLog& log_;
  const CallerResolver& resolver_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_SERVICE_H_
