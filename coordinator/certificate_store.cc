#include "coordinator/certificate_store.h"

#include "common/base/status_macros.h"

namespace kalavai::coordinator {

absl::Status CertificateStore::Insert(const CertificateRow& row, absl::Time now) {
  return database_.Execute(
      "INSERT INTO certificates(fingerprint, cooperative, contributor, not_after, revoke_time, "
      "create_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      row.fingerprint, row.cooperative, row.contributor, row.not_after, row.revoke_time, now);
}

absl::StatusOr<std::optional<CertificateRow>> CertificateStore::Find(
    const Digest& fingerprint) const {
  std::optional<CertificateRow> found;
  RETURN_IF_ERROR(database_.Query(
      "SELECT cooperative, contributor, not_after, revoke_time FROM certificates "
      "WHERE fingerprint = ?1",
      [&](Row& row) {
        found = CertificateRow{.fingerprint = fingerprint,
                               .cooperative = row.Text(0),
                               .contributor = row.Text(1),
                               .not_after = row.Time(2)};
        if (!row.IsNull(3)) found->revoke_time = row.Time(3);
        return absl::OkStatus();
      },
      fingerprint));
  return found;
}

absl::Status CertificateStore::RevokeContributor(absl::string_view cooperative,
                                                 absl::string_view contributor, absl::Time now) {
  return database_.Execute(
      "UPDATE certificates SET revoke_time = ?3 "
      "WHERE cooperative = ?1 AND contributor = ?2 AND revoke_time IS NULL",
      cooperative, contributor, now);
}

}  // namespace kalavai::coordinator
