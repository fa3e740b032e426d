// Asks a coordinator for a cooperative's loss matrix: what `matrix` and `credit` of both programs
// show. Threads: blocks the caller's; any thread.
//
//   ASSIGN_OR_RETURN(const ForecastFile file,
//                    FetchLossMatrix(connection.channel, connection.address, "cooperatives/c"));
#ifndef KALAVAI_COMMON_PREDICTION_LOSS_MATRIX_CALL_H_
#define KALAVAI_COMMON_PREDICTION_LOSS_MATRIX_CALL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "common/forecast/forecast_file.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace kalavai {

// `address` is what errors call the coordinator; `cooperative` a resource name. Errors: those of
// GetLossMatrix (EVALUATION_MISSING), of the call (COORDINATOR_UNREACHABLE) and of ReadLossMatrix.
absl::StatusOr<ForecastFile> FetchLossMatrix(const std::shared_ptr<grpc::Channel>& channel,
                                             const std::string& address,
                                             const std::string& cooperative);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PREDICTION_LOSS_MATRIX_CALL_H_
