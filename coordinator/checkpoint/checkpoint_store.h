// Rows of canonical checkpoints: which blobs, under which flat names, make a directory, its OMS
// root digest and the coordinator's signature over it. The base of a cooperative has id "base".
// Ids, not resource names. Thread-safe as Database is.
#ifndef KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_STORE_H_
#define KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

inline constexpr char kBaseCheckpoint[] = "base";

struct CheckpointFileRow {
  std::string path;  // a flat name
  int64_t size_bytes = 0;
  Digest digest;
};

struct CheckpointRow {
  std::string cooperative;
  std::string id = kBaseCheckpoint;
  Digest root_digest;                    // OMS, over `files` in order of name
  std::string signature;                 // OMS bundle, JSON
  std::vector<CheckpointFileRow> files;  // by name, bytewise; without model.sig

  const CheckpointFileRow* Find(absl::string_view path) const;  // nullptr when there is none
};

class CheckpointStore {
 public:
  explicit CheckpointStore(Database& database) : database_(database) {}

  // Replaces an earlier checkpoint of this id (before launch a base may be imported again).
  absl::Status Put(const CheckpointRow& row, absl::Time now);
  absl::StatusOr<std::optional<CheckpointRow>> Find(absl::string_view cooperative,
                                                    absl::string_view id) const;
  // The base; FAILED_PRECONDITION BASE_CHECKPOINT_MISSING when none was imported.
  absl::StatusOr<CheckpointRow> GetBase(absl::string_view cooperative) const;

 private:
  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_STORE_H_
