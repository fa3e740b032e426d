#include "contributor/egress_receipt.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
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

namespace {

absl::StatusOr<KeptEgress> ReadEgressReceipt(const std::string& path, const PublicKey& key) {
  ASSIGN_OR_RETURN(const std::string envelope, ReadFileBounded(path, limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(const std::string payload,
                   VerifyEnvelope(absl::StripAsciiWhitespace(envelope), key, kEgressType));
  ASSIGN_OR_RETURN(const nlohmann::json receipt, ReadJson(payload));
  KeptEgress kept;
  kept.path = path;
  ASSIGN_OR_RETURN(kept.contributor, JsonString(receipt, "contributor"));
  ASSIGN_OR_RETURN(kept.egress.act, JsonString(receipt, "act"));
  ASSIGN_OR_RETURN(kept.egress.subject, JsonString(receipt, "subject"));
  const auto items = receipt.find("items");
  if (items == receipt.end() || !items->is_array()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                     {.what = "items: must be a list"});
  }
  for (const nlohmann::json& entry : *items) {
    EgressItem item;
    ASSIGN_OR_RETURN(item.path, JsonString(entry, "path"));
    ASSIGN_OR_RETURN(item.size_bytes, JsonInt(entry, "size_bytes"));
    ASSIGN_OR_RETURN(const std::string digest, JsonString(entry, "sha256"));
    ASSIGN_OR_RETURN(item.digest, Digest::FromHex(digest));
    kept.egress.items.push_back(std::move(item));
  }
  return kept;
}

}  // namespace

absl::StatusOr<std::vector<KeptEgress>> ListEgressReceipts(const Workspace& workspace) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator it(workspace.EgressDirectory(), error), end;
       !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".json") paths.push_back(it->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), "list", workspace.EgressDirectory());
  }
  std::vector<KeptEgress> receipts;
  if (paths.empty()) return receipts;
  std::sort(paths.begin(), paths.end());  // their names begin with the time
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::LoadFromFile(workspace.SigningKeyFile()));
  for (const std::string& path : paths) {
    absl::StatusOr<KeptEgress> receipt = ReadEgressReceipt(path, key.public_key());
    if (!receipt.ok()) return Annotate(receipt.status(), path);
    receipts.push_back(*std::move(receipt));
  }
  return receipts;
}

}  // namespace kalavai::contributor
