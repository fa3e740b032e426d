// Rows of client certificates: the authority's memory of whom it certified, and the revocation
// list. Thread-safe as Database is.
#ifndef KALAVAI_COORDINATOR_CERTIFICATE_STORE_H_
#define KALAVAI_COORDINATOR_CERTIFICATE_STORE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

struct CertificateRow {
  Digest fingerprint = {};       // SHA-256 of the DER
  std::string cooperative = {};  // "" with `contributor` "": an administrator's
  std::string contributor = {};
  absl::Time not_after = {};
  std::optional<absl::Time> revoke_time = {};
};

class CertificateStore {
 public:
  explicit CertificateStore(Database& database) : database_(database) {}

  absl::Status Insert(const CertificateRow& row, absl::Time now);
  absl::StatusOr<std::optional<CertificateRow>> Find(const Digest& fingerprint) const;
  // Revokes every certificate of one contributor that is not revoked yet.
  absl::Status RevokeContributor(absl::string_view cooperative, absl::string_view contributor,
                                 absl::Time now);

 private:
  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_CERTIFICATE_STORE_H_
