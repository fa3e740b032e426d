#include "contributor/egress_receipt.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/crypto/signing_key.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {

absl::StatusOr<std::string> SaveEgressReceipt(const Workspace& workspace,
                                              const Membership& membership, const Egress& egress) {
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::LoadFromFile(workspace.SigningKeyFile()));
  nlohmann::json items = nlohmann::json::array();
  int64_t bytes = 0;
  for (const EgressItem& item : egress.items) {
    items.push_back(
        {{"path", item.path}, {"size_bytes", item.size_bytes}, {"sha256", item.digest.Hex()}});
    bytes += item.size_bytes;
  }
  const absl::Time now = absl::Now();
  const nlohmann::json receipt = {
      {"schema", "kalavai.egress/1"},
      {"act", egress.act},
      {"subject", egress.subject},
      {"contributor", membership.contributor},
      {"coordinator", membership.coordinator},
      {"items", items},
      {"bytes", bytes},
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone())}};
  ASSIGN_OR_RETURN(const std::string envelope, SignEnvelope(key, kEgressType, receipt.dump()));
  const std::string path = absl::StrCat(
      workspace.EgressDirectory(), "/",
      absl::FormatTime("%Y%m%dT%H%M%E6SZ", now, absl::UTCTimeZone()), "-", egress.act, ".json");
  RETURN_IF_ERROR(EnsureDirectory(workspace.EgressDirectory(), 0700));
  RETURN_IF_ERROR(WriteFileAtomically(path, envelope + "\n", 0600));
  return path;
}

}  // namespace kalavai::contributor
