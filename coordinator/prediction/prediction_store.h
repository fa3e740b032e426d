// Rows of phase 4: members' measurements (the newest of each), with the rows of the loss matrix
// that they measured, and predictions (never changed). Ids, not resource names. Thread-safe as
// Database is.
#ifndef KALAVAI_COORDINATOR_PREDICTION_PREDICTION_STORE_H_
#define KALAVAI_COORDINATOR_PREDICTION_PREDICTION_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

// What base and a member's specialist lose on the launcher's text of one domain, nats/token.
struct DomainLossesRow {
  std::string domain;
  double base_loss = 0;
  double own_loss = 0;
  double improvement_standard_error = 0;  // of base_loss - own_loss; 0 = unknown
  int64_t tokens = 0;
  Digest text;  // of the chunks' tokens
};

// Two losses on a member's own held-out text, nats/token.
struct MeasurementRow {
  std::string cooperative;
  std::string contributor;
  std::string domain;
  double base_loss = 0;
  double own_loss = 0;
  double improvement_standard_error = 0;  // of base_loss - own_loss; 0 = unknown
  int64_t held_out_tokens = 0;
  int64_t steps = 0;   // optimizer steps behind own_loss
  bool pilot = false;  // own_loss is extrapolated from a short run
  absl::Time report_time = {};
  std::vector<DomainLossesRow> row = {};  // by domain; empty: not measured
};

struct PredictionRow {
  std::string cooperative;
  std::string id;
  std::string body;  // JSON of the message
  absl::Time create_time = {};
};

class PredictionStore {
 public:
  explicit PredictionStore(Database& database) : database_(database) {}

  // Replaces the member's earlier measurement and row. Call within Database::Transact.
  absl::Status PutMeasurement(const MeasurementRow& row);
  // The member has left; its row goes, too. OK when there is none. Call within Database::Transact.
  absl::Status DeleteMeasurement(absl::string_view cooperative, absl::string_view contributor);
  // By contributor; of members that have not left.
  absl::StatusOr<std::vector<MeasurementRow>> ListMeasurements(absl::string_view cooperative) const;

  absl::Status InsertPrediction(const PredictionRow& row);
  // At most `count` rows whose id is greater than `after`, by id; ids ascend with time.
  absl::StatusOr<std::vector<PredictionRow>> ListPredictions(absl::string_view cooperative,
                                                             absl::string_view after,
                                                             int64_t count) const;
  // "prediction-00000001", …: the next that is free. Call within Database::Transact.
  absl::StatusOr<std::string> NextId(absl::string_view cooperative) const;

 private:
  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_PREDICTION_PREDICTION_STORE_H_
