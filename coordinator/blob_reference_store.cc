#include "coordinator/blob_reference_store.h"

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"

namespace kalavai::coordinator {
namespace {

constexpr char kNamed[] =
    "SELECT digest FROM current_probe_texts UNION SELECT digest FROM checkpoint_files UNION "
    "SELECT f.digest FROM submission_files AS f JOIN current_submissions AS s "
    "ON s.name = f.submission WHERE f.held = 1 AND s.state <> 'WITHDRAWN'";

}  // namespace

absl::StatusOr<std::vector<Digest>> BlobReferenceStore::ListDigests(absl::string_view sql) const {
  std::vector<Digest> digests;
  RETURN_IF_ERROR(database_.Query(sql, [&](Row& row) {
    digests.push_back(row.Digest(0));
    return absl::OkStatus();
  }));
  return digests;
}

absl::StatusOr<bool> BlobReferenceStore::IsNamed(const Digest& digest) const {
  bool named = false;
  RETURN_IF_ERROR(database_.Query(
      "SELECT EXISTS (SELECT 1 FROM current_probe_texts WHERE digest = ?1) "
      "OR EXISTS (SELECT 1 FROM checkpoint_files WHERE digest = ?1) "
      "OR EXISTS (SELECT 1 FROM submission_files AS f JOIN current_submissions AS s "
      "ON s.name = f.submission WHERE f.digest = ?1 AND f.held = 1 AND s.state <> 'WITHDRAWN')",
      [&](Row& row) {
        named = row.Bool(0);
        return absl::OkStatus();
      },
      digest));
  return named;
}

absl::StatusOr<std::vector<Digest>> BlobReferenceStore::ListNamed() const {
  return ListDigests(absl::StrCat(kNamed, " ORDER BY 1"));
}

absl::StatusOr<std::vector<BlobReference>> BlobReferenceStore::ListStored() const {
  std::vector<BlobReference> references;
  RETURN_IF_ERROR(database_.Query(
      "SELECT 'cooperatives/' || cooperative || ' probe text ' || domain, size_bytes, digest "
      "FROM current_probe_texts UNION ALL "
      "SELECT 'cooperatives/' || cooperative || '/checkpoints/' || checkpoint || ' ' || path, "
      "size_bytes, digest FROM checkpoint_files UNION ALL "
      "SELECT submission || ' ' || path, size_bytes, digest FROM submission_files WHERE held = 1",
      [&](Row& row) {
        references.push_back(
            {.row = row.Text(0), .size_bytes = row.Int(1), .digest = row.Digest(2)});
        return absl::OkStatus();
      }));
  return references;
}

absl::StatusOr<std::vector<Digest>> BlobReferenceStore::ListReleased() const {
  return ListDigests(
      "SELECT DISTINCT f.digest FROM submission_files AS f JOIN current_submissions AS s "
      "ON s.name = f.submission WHERE f.held = 0 AND s.state IN ('REJECTED', 'WITHDRAWN') UNION "
      "SELECT s.digest FROM shared_samples AS s JOIN contributors AS c "
      "ON c.cooperative = s.cooperative AND c.id = s.contributor WHERE c.state = 'WITHDRAWN' "
      "ORDER BY 1");
}

absl::StatusOr<std::vector<std::string>> BlobReferenceStore::ListStagingIds() const {
  std::vector<std::string> ids;
  RETURN_IF_ERROR(
      database_.Query("SELECT staging_id FROM uploads ORDER BY staging_id", [&](Row& row) {
        ids.push_back(row.Text(0));
        return absl::OkStatus();
      }));
  return ids;
}

}  // namespace kalavai::coordinator
