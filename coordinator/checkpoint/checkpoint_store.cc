#include "coordinator/checkpoint/checkpoint_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

const CheckpointFileRow* CheckpointRow::Find(absl::string_view path) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const CheckpointFileRow& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

absl::Status CheckpointStore::Put(const CheckpointRow& row, absl::Time now) {
  RETURN_IF_ERROR(
      database_.Execute("DELETE FROM checkpoint_files WHERE cooperative = ?1 AND checkpoint = ?2",
                        row.cooperative, row.id));
  RETURN_IF_ERROR(
      database_.Execute("INSERT OR REPLACE INTO checkpoints(cooperative, id, root_digest, "
                        "signature, create_time) VALUES (?1, ?2, ?3, ?4, ?5)",
                        row.cooperative, row.id, row.root_digest, row.signature, now));
  for (const CheckpointFileRow& file : row.files) {
    RETURN_IF_ERROR(
        database_.Execute("INSERT INTO checkpoint_files(cooperative, checkpoint, path, "
                          "size_bytes, digest) VALUES (?1, ?2, ?3, ?4, ?5)",
                          row.cooperative, row.id, file.path, file.size_bytes, file.digest));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<CheckpointRow>> CheckpointStore::Find(absl::string_view cooperative,
                                                                   absl::string_view id) const {
  std::optional<CheckpointRow> found;
  RETURN_IF_ERROR(database_.Query(
      "SELECT root_digest, signature FROM checkpoints WHERE cooperative = ?1 AND id = ?2",
      [&](Row& row) {
        found = CheckpointRow{.cooperative = std::string(cooperative),
                              .id = std::string(id),
                              .root_digest = row.Digest(0),
                              .signature = row.Text(1),
                              .files = {}};
        return absl::OkStatus();
      },
      cooperative, id));
  if (!found.has_value()) return found;
  RETURN_IF_ERROR(database_.Query(
      "SELECT path, size_bytes, digest FROM checkpoint_files "
      "WHERE cooperative = ?1 AND checkpoint = ?2 ORDER BY path",
      [&](Row& row) {
        found->files.push_back(
            {.path = row.Text(0), .size_bytes = row.Int(1), .digest = row.Digest(2)});
        return absl::OkStatus();
      },
      cooperative, id));
  return found;
}

absl::StatusOr<CheckpointRow> CheckpointStore::GetBase(absl::string_view cooperative) const {
  ASSIGN_OR_RETURN(std::optional<CheckpointRow> found, Find(cooperative, kBaseCheckpoint));
  if (!found.has_value()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "BASE_CHECKPOINT_MISSING",
        {.what = absl::StrCat(CooperativeName(cooperative), ": no base checkpoint; must have one"),
         .why = "every specialist starts from the cooperative's base",
         .fix = "kalavai-coordinator base import DIRECTORY",
         .metadata = {{"cooperative", std::string(cooperative)}}});
  }
  return *std::move(found);
}

}  // namespace kalavai::coordinator
