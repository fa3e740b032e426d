// Rows of phase 6: released models, their experts and files. All SQL of the phase.
//
// A model is LOADING when its turn to be served comes (a release, a rollback), ACTIVE when the
// engine can answer with it, RETIRED when the model of a later turn has become ACTIVE: until then
// the earlier one goes on answering. Names are resource names. Methods join the caller's
// Database::Transact. Any thread. Errors: those of Database; ALREADY_EXISTS MODEL_EXISTS; NOT_FOUND
// MODEL_NOT_FOUND.
#ifndef KALAVAI_COORDINATOR_SERVING_MODEL_STORE_H_
#define KALAVAI_COORDINATOR_SERVING_MODEL_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/router/router_parameters.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

enum class ModelState { kLoading, kActive, kRetired };
absl::string_view ModelStateName(ModelState state);  // "LOADING", …: as in inference.proto

// Expert 0 is the base: submission, contributor and domain are empty.
struct ModelExpertRecord {
  std::string submission;
  std::string contributor;
  std::string domain;
  Digest root_digest;
};

struct ModelFileRecord {
  std::string path;
  int64_t size_bytes = 0;
  Digest sha256;
};

struct ModelRecord {
  std::string name;         // cooperatives/{c}/models/{m}
  std::string cooperative;  // cooperatives/{c}
  std::string fusion;       // cooperatives/{c}/fusions/{f}
  Mixture mixture = Mixture::kProbability;
  ModelState state = ModelState::kLoading;
  std::string state_reason;
  Digest root_digest;     // OMS root digest of the release directory: the model's identity
  std::string signature;  // OMS bundle
  std::string acknowledged_reason;
  std::vector<ModelExpertRecord> experts;
  std::vector<ModelFileRecord> files;
  absl::Time release_time;
  int64_t turn = 0;  // set by the store
};

class ModelStore {
 public:
  explicit ModelStore(Database& database) : database_(database) {}

  // Inserts the model with the next turn.
  absl::Status Create(const ModelRecord& model);
  // LOADING with the next turn: a model that was served before is to be served again.
  absl::Status TakeTurn(absl::string_view name);
  // The model has become ACTIVE: the cooperative's models of earlier turns are RETIRED.
  absl::Status RetireEarlier(const ModelRecord& model);
  absl::StatusOr<ModelRecord> Get(absl::string_view name) const;
  absl::StatusOr<bool> Exists(absl::string_view name) const;
  // What the cooperative's callers are answered with: the ACTIVE model of the latest turn; before
  // there is any, the LOADING one.
  absl::StatusOr<ModelRecord> GetNewest(absl::string_view cooperative) const;
  // The model of the latest turn before that of the model to be served now, retired or not, that
  // has nothing of a withdrawn member (HasWithdrawn). FAILED_PRECONDITION NO_EARLIER_MODEL.
  absl::StatusOr<ModelRecord> GetEarlier(absl::string_view cooperative) const;
  // The latest turn of the cooperative's models; 0: there are none.
  absl::StatusOr<int64_t> LatestTurn(absl::string_view cooperative) const;
  // Whether the model mixes a specialist, or its router read the sample, of a member that has left.
  absl::StatusOr<bool> HasWithdrawn(absl::string_view name) const;
  // Retired models that do, of every cooperative.
  absl::StatusOr<std::vector<ModelRecord>> ListRetiredOfWithdrawn() const;
  // By release, oldest first; those after the model `after` (empty: from the start), at most
  // `limit`.
  absl::StatusOr<std::vector<ModelRecord>> List(absl::string_view cooperative,
                                                absl::string_view after, int64_t limit) const;
  // Of every cooperative, not retired, by turn: what a started coordinator loads.
  absl::StatusOr<std::vector<ModelRecord>> ListServed() const;
  absl::Status SetState(absl::string_view name, ModelState state, absl::string_view reason);

 private:
  absl::Status Complete(ModelRecord& model) const;  // reads experts and files
  // The first row, or nothing.
  template <typename... Values>
  absl::StatusOr<std::optional<ModelRecord>> First(absl::string_view where,
                                                   const Values&... values) const;
  absl::StatusOr<int64_t> NextTurn() const;

  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVING_MODEL_STORE_H_
