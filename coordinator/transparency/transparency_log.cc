#include "coordinator/transparency/transparency_log.h"

#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"

namespace kalavai::coordinator {

absl::StatusOr<int64_t> TransparencyLog::Size() const {
  int64_t size = 0;
  RETURN_IF_ERROR(
      database_.Query("SELECT COALESCE(MAX(log_index) + 1, 0) FROM log_entries", [&](Row& row) {
        size = row.Int(0);
        return absl::OkStatus();
      }));
  return size;
}

absl::Status TransparencyLog::Append(int64_t index, absl::string_view leaf, absl::Time time) {
  return database_.Execute(
      "INSERT INTO log_entries(log_index, leaf, leaf_hash, time) VALUES (?1, ?2, ?3, ?4)", index,
      leaf, LeafHash(leaf), time);
}

absl::StatusOr<std::vector<LogLeaf>> TransparencyLog::List(int64_t start_index,
                                                           int64_t count) const {
  std::vector<LogLeaf> leaves;
  RETURN_IF_ERROR(database_.Query(
      "SELECT log_index, leaf, leaf_hash, time FROM log_entries WHERE log_index >= ?1 "
      "ORDER BY log_index LIMIT ?2",
      [&](Row& row) {
        leaves.push_back({.index = row.Int(0),
                          .leaf = row.Text(1),
                          .leaf_hash = row.Digest(2),
                          .time = row.Time(3)});
        return absl::OkStatus();
      },
      start_index, count));
  return leaves;
}

}  // namespace kalavai::coordinator
