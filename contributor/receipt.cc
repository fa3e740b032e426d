#include "contributor/receipt.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/tree_head.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

absl::Status Disagree(std::string what) { return absl::InvalidArgumentError(std::move(what)); }

absl::Status Invalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "RECEIPT_INVALID",
                   {.what = absl::StrCat("receipt: ", what),
                    .why = "a receipt is evidence only when signature, log entry, tree head and "
                           "inclusion proof agree",
                    .fix = "check that it is the file the coordinator sent; if it is, tell the "
                           "other members"});
}

// Lower-case digests of a list, as the leaf counts them.
absl::StatusOr<std::vector<Digest>> ReadDigests(const nlohmann::json& receipt, const char* field) {
  const auto list = receipt.find(field);
  if (list == receipt.end() || !list->is_array()) {
    return Disagree(absl::StrCat(field, ": must be a list of digests"));
  }
  std::vector<Digest> digests;
  for (const nlohmann::json& hash : *list) {
    if (!hash.is_string()) return Disagree(absl::StrCat(field, ": not a digest"));
    ASSIGN_OR_RETURN(digests.emplace_back(), Digest::FromHex(hash.get<std::string>()));
  }
  return digests;
}

struct Leaf {
  int64_t index = 0;
  std::string subject;
  std::string action;
  nlohmann::json fields;
};

absl::StatusOr<Leaf> ReadLeaf(const std::string& text) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(text));
  Leaf leaf;
  ASSIGN_OR_RETURN(leaf.index, JsonInt(json, "index"));
  ASSIGN_OR_RETURN(leaf.subject, JsonString(json, "subject"));
  ASSIGN_OR_RETURN(leaf.action, JsonString(json, "action"));
  const auto fields = json.find("fields");
  if (fields == json.end()) return Disagree("the leaf has no fields");
  leaf.fields = *fields;
  return leaf;
}

absl::Status MatchVerdict(const Leaf& leaf, const nlohmann::json& receipt) {
  ASSIGN_OR_RETURN(const std::string root, JsonString(leaf.fields, "root_digest"));
  ASSIGN_OR_RETURN(const std::string submission, JsonString(receipt, "submission"));
  ASSIGN_OR_RETURN(const std::string receipt_root, JsonString(receipt, "root_digest"));
  ASSIGN_OR_RETURN(const std::string state, JsonString(receipt, "state"));
  // ADMIT_SUBMISSION records ADMITTED, QUARANTINE_… QUARANTINED, REJECT_… REJECTED.
  const std::string verb = leaf.action.substr(0, leaf.action.find('_'));
  if (leaf.subject == submission && root == receipt_root && state.substr(0, verb.size()) == verb) {
    return absl::OkStatus();
  }
  return Disagree(absl::StrCat("leaf ", leaf.index, " tells of ", leaf.action, " of ", leaf.subject,
                               "; must tell of ", state, " of ", submission));
}

absl::Status MatchWithdrawal(const Leaf& leaf, const nlohmann::json& receipt) {
  ASSIGN_OR_RETURN(const std::string contributor, JsonString(receipt, "contributor"));
  ASSIGN_OR_RETURN(const std::vector<Digest> deleted, ReadDigests(receipt, "deleted"));
  RETURN_IF_ERROR(ReadDigests(receipt, "kept").status());
  std::string lines;
  for (const Digest& digest : deleted) absl::StrAppend(&lines, digest.Hex(), "\n");
  ASSIGN_OR_RETURN(const std::string listed, JsonString(leaf.fields, "deleted_sha256"));
  ASSIGN_OR_RETURN(const int64_t files, JsonInt(leaf.fields, "files"));
  if (leaf.subject == contributor && leaf.action == "ERASE_CONTRIBUTOR" &&
      files == static_cast<int64_t>(deleted.size()) && listed == Sha256Of(lines).Hex()) {
    return absl::OkStatus();
  }
  return Disagree(absl::StrCat("leaf ", leaf.index, " tells of ", leaf.action, " of ", leaf.subject,
                               " with ", files, " files; must tell of ERASE_CONTRIBUTOR of ",
                               contributor, " with the ", deleted.size(), " listed"));
}

}  // namespace

absl::StatusOr<ReceiptRecord> ReadReceiptRecord(const nlohmann::json& receipt) {
  ReceiptRecord record;
  ASSIGN_OR_RETURN(record.index, JsonInt(receipt, "log_index"));
  ASSIGN_OR_RETURN(record.leaf, JsonString(receipt, "leaf"));
  ASSIGN_OR_RETURN(record.tree_head, JsonString(receipt, "tree_head"));
  ASSIGN_OR_RETURN(record.proof, ReadDigests(receipt, "inclusion_proof"));
  return record;
}

absl::Status CheckReceiptLeaf(const ReceiptRecord& record, const nlohmann::json& receipt) {
  ASSIGN_OR_RETURN(const Leaf leaf, ReadLeaf(record.leaf));
  if (leaf.index != record.index) {
    return Disagree(absl::StrCat("leaf ", leaf.index, " found; must be leaf ", record.index));
  }
  const absl::StatusOr<std::string> schema = JsonString(receipt, "schema");
  const bool withdrawal = schema.ok() && absl::StartsWith(*schema, "kalavai.withdrawal/");
  return withdrawal ? MatchWithdrawal(leaf, receipt) : MatchVerdict(leaf, receipt);
}

absl::Status CheckReceiptProof(const ReceiptRecord& record, const TreeState& head) {
  if (record.index < 0) return Disagree("log_index: must not be negative");
  return VerifyInclusion({.index = static_cast<uint64_t>(record.index), .size = head.size},
                         LeafHash(record.leaf), record.proof, head.root);
}

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
    return Invalid(absl::StrCat("of type '",
                                absl::CHexEscape(unverified.payload_type.substr(0, 100)),
                                "'; must be a coordinator's receipt of a verdict or a withdrawal"));
  }
  ASSIGN_OR_RETURN(const std::string payload,
                   VerifyEnvelope(envelope, keys.coordinator, unverified.payload_type));
  Receipt receipt{.kind = withdrawal ? "withdrawal" : "verdict", .payload = {}, .head = {}};
  ASSIGN_OR_RETURN(receipt.payload, ReadJson(payload));
  const auto schema = JsonString(receipt.payload, "schema");
  const absl::string_view wanted = withdrawal ? "kalavai.withdrawal/" : "kalavai.receipt/";
  if (!schema.ok() || !absl::StartsWith(*schema, wanted)) {
    return Invalid(
        absl::StrCat("schema ", schema.ok() ? *schema : "missing", "; must be ", wanted, "N"));
  }
  const absl::StatusOr<ReceiptRecord> record = ReadReceiptRecord(receipt.payload);
  if (!record.ok()) return Invalid(record.status().message());
  const absl::StatusOr<TreeState> head = VerifyTreeHead(record->tree_head, keys.log);
  if (!head.ok()) return Invalid(absl::StrCat("its tree head: ", head.status().message()));
  receipt.head = *head;
  for (const absl::Status& status :
       {CheckReceiptLeaf(*record, receipt.payload), CheckReceiptProof(*record, *head)}) {
    if (!status.ok()) return Invalid(status.message());
  }
  return receipt;
}

}  // namespace kalavai::contributor
