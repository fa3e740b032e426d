// Forecasts and measurements as messages of the API. Pure functions.
#ifndef KALAVAI_COORDINATOR_PREDICTION_PREDICTION_MESSAGE_H_
#define KALAVAI_COORDINATOR_PREDICTION_PREDICTION_MESSAGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "coordinator/prediction/gain_forecast.h"
#include "coordinator/prediction/prediction_store.h"
#include "kalavai/v1/prediction.pb.h"

namespace kalavai::coordinator {

v1::Measurement ToMessage(const MeasurementRow& row);

// What the measurement says of its row. Requires CheckMeasurement.
std::vector<DomainLossesRow> RowOf(const v1::Measurement& measurement);

// Everything but name and create_time. Measurements without their rows: those of all members are
// longer than a message may be.
v1::Prediction ToMessage(const Forecast& forecast, const std::vector<MeasurementRow>& measurements);

// MEASUREMENT_INVALID (INVALID_ARGUMENT) naming the field: losses must be 1e-6 to 100
// nats/token; tokens positive; steps and the standard error not negative. So must be each
// entry of the row ("row[2].base_loss"), its digest 64 lower-case hexadecimal digits, its domain
// one of `domains`, the charter's (else DOMAIN_UNKNOWN), and none twice.
absl::Status CheckMeasurement(const v1::Measurement& measurement,
                              const std::vector<std::string>& domains);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_PREDICTION_PREDICTION_MESSAGE_H_
