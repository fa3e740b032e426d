// `predict --rows`: reads the router part of the launcher's probe text of every domain from the
// coordinator, and runs the base and this member's specialist (or pilot) on it, here, one model in
// memory at a time. Nothing of the member's leaves; the result is kept in training/row.json after
// every domain of every model, so an interrupted measurement goes on where it was.
//
// Errors: NOT_TRAINED, CHECKPOINT_NOT_FETCHED, BASE_MISMATCH; those of ReadProbeText and of
// MeasureChunks; a domain that cannot be measured (PROBE_TEXT_PRIVATE, PROBE_TEXT_TRAINED_ON,
// TOO_LITTLE_TEXT) is named in the outcome and stops nothing, unless it is every domain.
#ifndef KALAVAI_CONTRIBUTOR_PREDICTION_ROW_MEASUREMENT_H_
#define KALAVAI_CONTRIBUTOR_PREDICTION_ROW_MEASUREMENT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/model/device.h"
#include "contributor/coordinator_connection.h"
#include "contributor/prediction/measured_row.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

// Chunks a domain: the estimate then misses what the whole probe text would say by some tenths of a
// percentage point (docs/formats/forecast.md).
inline constexpr int64_t kRowChunks = 32;
inline constexpr int64_t kRowChunksMax =
    256;  // row.json of all domains stays below limits::kJsonBytesMax

struct RowOptions {
  int64_t chunks_max = kRowChunks;  // a domain
  Device device = Device::kCpu;     // from OpenDevice
  // "base on legal" and so on; a status ends the measurement and is returned.
  std::function<absl::Status(const std::string& name, int64_t chunks_done, int64_t chunks)>
      progress = {};
};

struct RefusedDomain {
  std::string domain = {};
  absl::Status status = {};
};

struct RowOutcome {
  MeasuredRow row = {};
  std::vector<RefusedDomain> refused = {};
};

absl::StatusOr<RowOutcome> MeasureRow(const Workspace& workspace,
                                      const CoordinatorConnection& coordinator,
                                      const RowOptions& options);

// What was measured earlier with the specialist that is there now; nothing when there is none, or
// when it is of another. JSON_INVALID, MEASUREMENT_INVALID: row.json is damaged.
absl::StatusOr<std::optional<MeasuredRow>> SavedRow(const Workspace& workspace);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_PREDICTION_ROW_MEASUREMENT_H_
