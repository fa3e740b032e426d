// The record's storage: leaves of an RFC 6962 log in SQLite, in the order of their index.
//
// A leaf is appended inside the transaction that makes the change it tells of, so that neither can
// exist without the other. leaf_hash = SHA-256(0x00 || leaf) (common/crypto/merkle_tree). Leaves
// are never changed or removed. Thread-safe as Database is.
#ifndef KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_LOG_H_
#define KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_LOG_H_

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

struct LogLeaf {
  int64_t index = 0;
  std::string leaf;
  Digest leaf_hash;
  absl::Time time;
};

class TransparencyLog {
 public:
  explicit TransparencyLog(Database& database) : database_(database) {}

  // Number of leaves = the next leaf's index.
  absl::StatusOr<int64_t> Size() const;

  // Appends at `index`, which must be Size(). Call within Database::Transact.
  absl::Status Append(int64_t index, absl::string_view leaf, absl::Time time);

  // At most `count` leaves from `start_index` on, oldest first.
  absl::StatusOr<std::vector<LogLeaf>> List(int64_t start_index, int64_t count) const;

 private:
  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_TRANSPARENCY_TRANSPARENCY_LOG_H_
