#include "common/prediction/loss_matrix_call.h"

#include "common/base/status_macros.h"
#include "common/prediction/loss_matrix_message.h"
#include "common/rpc/retry.h"
#include "kalavai/v1/prediction.grpc.pb.h"

namespace kalavai {

absl::StatusOr<ForecastFile> FetchLossMatrix(const std::shared_ptr<grpc::Channel>& channel,
                                             const std::string& address,
                                             const std::string& cooperative) {
  using Stub = v1::PredictionService::Stub;
  const auto stub = v1::PredictionService::NewStub(channel);
  v1::GetLossMatrixRequest request;
  request.set_parent(cooperative);
  ASSIGN_OR_RETURN(const v1::LossMatrix message,
                   CallUnary(address, *stub, &Stub::GetLossMatrix, request));
  return ReadLossMatrix(message);
}

}  // namespace kalavai
