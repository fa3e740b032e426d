#include "contributor/receipt.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/crypto/tree_head.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

absl::Status CheckEvidence(const ReceiptRecord& record, const absl::Status& leaf,
                           const NoteVerifier& log, TreeState& head) {
  const absl::StatusOr<TreeState> signed_head = VerifyTreeHead(record.tree_head, log);
  if (!signed_head.ok()) {
    return ReceiptInvalid(absl::StrCat("its tree head: ", signed_head.status().message()));
  }
  RETURN_IF_ERROR(leaf);
  RETURN_IF_ERROR(CheckReceiptProof(record, *signed_head));
  head = *signed_head;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReceiptKeys> LoadReceiptKeys(const Workspace& workspace) {
  ASSIGN_OR_RETURN(const std::string pem,
                   ReadFileBounded(workspace.CoordinatorKeyFile(), limits::kKeyFileBytesMax));
  ASSIGN_OR_RETURN(PublicKey coordinator, PublicKey::FromPem(pem));
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFileBounded(workspace.LogKeyFile(), limits::kKeyFileBytesMax));
  ASSIGN_OR_RETURN(NoteVerifier log, NoteVerifier::FromText(absl::StripAsciiWhitespace(text)));
  return ReceiptKeys{.coordinator = std::move(coordinator), .log = std::move(log)};
}

absl::StatusOr<Receipt> VerifyReceipt(absl::string_view envelope, const ReceiptKeys& keys) {
  ASSIGN_OR_RETURN(const UnverifiedEnvelope unverified, ReadUnverifiedEnvelope(envelope));
  const bool withdrawal = unverified.payload_type == kWithdrawalType;
  if (!withdrawal && unverified.payload_type != kReceiptType) {
    return ReceiptInvalid(
        absl::StrCat("of type '", absl::CHexEscape(unverified.payload_type.substr(0, 100)),
                     "'; must be a coordinator's receipt of a verdict or a withdrawal"));
  }
  ASSIGN_OR_RETURN(const std::string payload,
                   VerifyEnvelope(envelope, keys.coordinator, unverified.payload_type));
  Receipt receipt;
  receipt.kind = withdrawal ? "withdrawal" : "verdict";
  absl::StatusOr<nlohmann::json> json = ReadJson(payload);
  if (!json.ok()) return ReceiptInvalid(json.status().message());
  receipt.payload = *std::move(json);
  if (withdrawal) {
    ASSIGN_OR_RETURN(receipt.withdrawal, ReadWithdrawalReceipt(receipt.payload));
    RETURN_IF_ERROR(CheckEvidence(receipt.withdrawal->record, CheckReceiptLeaf(*receipt.withdrawal),
                                  keys.log, receipt.head));
    return receipt;
  }
  ASSIGN_OR_RETURN(receipt.verdict, ReadVerdictReceipt(receipt.payload));
  if (!receipt.verdict->record.has_value()) {
    return ReceiptInvalid(absl::StrCat("its schema has no log entry; must be ", kReceiptSchema));
  }
  RETURN_IF_ERROR(CheckEvidence(*receipt.verdict->record,
                                CheckReceiptLeaf(*receipt.verdict, *receipt.verdict->record),
                                keys.log, receipt.head));
  return receipt;
}

}  // namespace kalavai::contributor
