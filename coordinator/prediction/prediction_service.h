// PredictionService: takes members' two numbers and rows, answers GO, NO_GO or UNSURE, and shows
// the loss matrix of the newest fusion. Members and administrators; a member reports for itself
// only. Thread-safe.
#ifndef KALAVAI_COORDINATOR_PREDICTION_PREDICTION_SERVICE_H_
#define KALAVAI_COORDINATOR_PREDICTION_PREDICTION_SERVICE_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/base/clock.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/caller_identity.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/prediction/gain_forecast.h"
#include "coordinator/prediction/prediction_store.h"
#include "kalavai/v1/prediction.grpc.pb.h"

namespace kalavai::coordinator {

// The oracle gain on the newest measured matrix, if what was measured is what would be fused today.
struct MeasuredOracle {
  std::optional<Estimate> estimate = {};
  // Gain over the base, where the base is better than every specialist.
  std::optional<double> over_base_percent = {};
  std::vector<std::string> contributors = {};  // whose specialists were measured; resource names
  std::string note = {};  // why there is none although a fusion has measured one; else ""
};

// What finished fusions know (a later phase, wired by coordinator/server). `cooperative` is an id.
struct FusionResults {
  // The newest measured matrix; EVALUATION_MISSING when there is none.
  std::function<absl::StatusOr<v1::LossMatrix>(const std::string& cooperative)> loss_matrix;
  std::function<absl::StatusOr<MeasuredOracle>(const std::string& cooperative)> oracle;
  // Finished fusions of this coordinator as points of the line.
  std::function<absl::StatusOr<std::vector<CalibrationPoint>>()> finished;
};

class PredictionService final : public v1::PredictionService::CallbackService {
 public:
  // Everything is borrowed and outlives the service.
  struct Parts {
    Database& database;
    CooperativeStore& cooperatives;
    PredictionStore& predictions;
    Audit& audit;
    const CallerResolver& resolver;
    const FusionResults& fusions;
    const Clock& clock;
  };
  explicit PredictionService(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ReportMeasurement(grpc::CallbackServerContext* context,
                                              const v1::ReportMeasurementRequest* request,
                                              v1::Measurement* response) override;
  grpc::ServerUnaryReactor* CreatePrediction(grpc::CallbackServerContext* context,
                                             const v1::CreatePredictionRequest* request,
                                             v1::Prediction* response) override;
  grpc::ServerUnaryReactor* ForecastWhatIf(grpc::CallbackServerContext* context,
                                           const v1::ForecastWhatIfRequest* request,
                                           v1::Prediction* response) override;
  grpc::ServerUnaryReactor* ListPredictions(grpc::CallbackServerContext* context,
                                            const v1::ListPredictionsRequest* request,
                                            v1::ListPredictionsResponse* response) override;
  grpc::ServerUnaryReactor* GetLossMatrix(grpc::CallbackServerContext* context,
                                          const v1::GetLossMatrixRequest* request,
                                          v1::LossMatrix* response) override;

 private:
  absl::Status Report(const v1::ReportMeasurementRequest& request, const Caller& caller,
                      v1::Measurement& response);
  absl::StatusOr<ForecastInput> Collect(const CooperativeRow& cooperative) const;
  absl::Status Predict(const v1::CreatePredictionRequest& request, const Caller& caller,
                       v1::Prediction& response);
  absl::Status WhatIf(const v1::ForecastWhatIfRequest& request, const Caller& caller,
                      v1::Prediction& response) const;

  const Parts parts_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_PREDICTION_PREDICTION_SERVICE_H_
