// Forecasts and measurements as messages of the API. Pure functions.
#ifndef KALAVAI_COORDINATOR_PREDICTION_PREDICTION_MESSAGE_H_
#define KALAVAI_COORDINATOR_PREDICTION_PREDICTION_MESSAGE_H_

#include "absl/status/statusor.h"

#include "coordinator/prediction/gain_forecast.h"
#include "coordinator/prediction/prediction_store.h"
#include "kalavai/v1/prediction.pb.h"

namespace kalavai::coordinator {

v1::Measurement ToMessage(const MeasurementRow& row);

// Everything but name and create_time.
v1::Prediction ToMessage(const Forecast& forecast, const std::vector<MeasurementRow>& measurements);

// MEASUREMENT_INVALID (INVALID_ARGUMENT) naming the field: losses must be finite, above 0 and at
// most 100 nats/token, those on public text both or neither; tokens positive; steps and the
// standard error not negative.
absl::Status CheckMeasurement(const v1::Measurement& measurement);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_PREDICTION_PREDICTION_MESSAGE_H_
