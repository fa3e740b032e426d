// The loss matrix of a cooperative as the API sends it (kalavai/v1/prediction.proto), read as what
// a forecast is computed from. Everybody who may see the matrix computes credit from it and needs
// to believe nobody. Pure.
#ifndef KALAVAI_COMMON_PREDICTION_LOSS_MATRIX_MESSAGE_H_
#define KALAVAI_COMMON_PREDICTION_LOSS_MATRIX_MESSAGE_H_

#include "absl/status/statusor.h"

#include "common/forecast/forecast_file.h"
#include "kalavai/v1/prediction.pb.h"

namespace kalavai {

// Specialists are called by their contributor's id. Public domains are left out: nobody's, never
// averaged (design §3.7). Errors: LOSS_MATRIX_INVALID when rows and columns disagree, the first row
// is not the base, or a loss is outside [kLossMin, kLossMax]; those of ValidateLossMatrix.
absl::StatusOr<ForecastFile> ReadLossMatrix(const v1::LossMatrix& message);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PREDICTION_LOSS_MATRIX_MESSAGE_H_
