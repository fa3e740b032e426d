#include "common/crypto/receipt.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"

namespace kalavai {
namespace {

std::string Shown(absl::string_view text) {
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, 100)), "'");
}

// The field of an object; RECEIPT_INVALID in place of JSON_INVALID.
absl::StatusOr<std::string> Text(const nlohmann::json& object, const char* field) {
  absl::StatusOr<std::string> text = JsonString(object, field);
  if (text.ok()) return text;
  return ReceiptInvalid(absl::StrCat(field, ": must be a text"));
}

absl::StatusOr<std::string> TextOrNone(const nlohmann::json& object, const char* field) {
  if (!object.contains(field)) return std::string();
  return Text(object, field);
}

absl::StatusOr<int64_t> Integer(const nlohmann::json& object, const char* field) {
  absl::StatusOr<int64_t> number = JsonInt(object, field);
  if (number.ok()) return number;
  return ReceiptInvalid(absl::StrCat(field, ": must be an integer"));
}

absl::StatusOr<std::vector<Digest>> Digests(const nlohmann::json& object, const char* field) {
  const auto list = object.find(field);
  if (list == object.end() || !list->is_array()) {
    return ReceiptInvalid(absl::StrCat(field, ": must be a list of digests"));
  }
  std::vector<Digest> digests;
  for (const nlohmann::json& hash : *list) {
    const absl::StatusOr<Digest> digest =
        hash.is_string() ? Digest::FromHex(hash.get<std::string>())
                         : absl::StatusOr<Digest>(absl::InvalidArgumentError(""));
    if (!digest.ok()) {
      return ReceiptInvalid(absl::StrCat(field, ": entry ", digests.size(), " is not a digest"));
    }
    digests.push_back(*digest);
  }
  return digests;
}

absl::Status RequireObject(const nlohmann::json& receipt) {
  return receipt.is_object() ? absl::OkStatus() : ReceiptInvalid("must be an object");
}

absl::StatusOr<ReceiptRecord> ReadRecord(const nlohmann::json& receipt) {
  ReceiptRecord record;
  ASSIGN_OR_RETURN(record.index, Integer(receipt, "log_index"));
  ASSIGN_OR_RETURN(record.leaf, Text(receipt, "leaf"));
  ASSIGN_OR_RETURN(record.tree_head, Text(receipt, "tree_head"));
  ASSIGN_OR_RETURN(record.proof, Digests(receipt, "inclusion_proof"));
  return record;
}

absl::StatusOr<std::vector<WithdrawalReceipt::Submission>> ReadSubmissions(
    const nlohmann::json& receipt) {
  const auto list = receipt.find("submissions");
  if (list == receipt.end() || !list->is_array()) {
    return ReceiptInvalid("submissions: must be a list");
  }
  std::vector<WithdrawalReceipt::Submission> submissions;
  for (const nlohmann::json& entry : *list) {
    if (!CheckJsonKeys(entry, {"name", "root_digest"}).ok()) {
      return ReceiptInvalid(absl::StrCat("submissions: entry ", submissions.size(),
                                         " must have a name and a root_digest, nothing else"));
    }
    WithdrawalReceipt::Submission& submission = submissions.emplace_back();
    ASSIGN_OR_RETURN(submission.name, Text(entry, "name"));
    ASSIGN_OR_RETURN(submission.root_digest, Text(entry, "root_digest"));
    if (!submission.root_digest.empty() && !Digest::FromHex(submission.root_digest).ok()) {
      return ReceiptInvalid(
          absl::StrCat("submissions: root_digest ", Shown(submission.root_digest)));
    }
  }
  return submissions;
}

// SHA-256 over one line an entry.
std::string DigestOfLines(const std::vector<Digest>& digests) {
  std::string lines;
  for (const Digest& digest : digests) absl::StrAppend(&lines, digest.Hex(), "\n");
  return Sha256Of(lines).Hex();
}

struct Leaf {
  int64_t index = 0;
  std::string subject;
  std::string action;
  nlohmann::json fields;
};

absl::StatusOr<Leaf> ReadLeaf(const ReceiptRecord& record) {
  const absl::StatusOr<nlohmann::json> json = ReadJson(record.leaf);
  if (!json.ok()) return ReceiptInvalid("leaf: must be JSON");
  if (!json->is_object()) return ReceiptInvalid("leaf: must be an object");
  Leaf leaf;
  ASSIGN_OR_RETURN(leaf.index, Integer(*json, "index"));
  ASSIGN_OR_RETURN(leaf.subject, Text(*json, "subject"));
  ASSIGN_OR_RETURN(leaf.action, Text(*json, "action"));
  const auto fields = json->find("fields");
  if (fields == json->end() || !fields->is_object()) {
    return ReceiptInvalid("leaf: must have fields");
  }
  leaf.fields = *fields;
  if (leaf.index != record.index) {
    return ReceiptInvalid(absl::StrCat("leaf ", leaf.index, " found; must be leaf ", record.index,
                                       ", its log_index"));
  }
  return leaf;
}

absl::string_view ActionOf(absl::string_view state) {
  if (state == "ADMITTED") return "ADMIT_SUBMISSION";
  if (state == "QUARANTINED") return "QUARANTINE_SUBMISSION";
  if (state == "REJECTED") return "REJECT_SUBMISSION";
  return "";
}

}  // namespace

absl::Status ReceiptInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "RECEIPT_INVALID",
                   {.what = absl::StrCat("receipt: ", what),
                    .why = "a receipt is evidence only when signature, log entry, tree head and "
                           "inclusion proof agree",
                    .fix = "check that it is the file the coordinator sent; if it is, tell the "
                           "other members"});
}

absl::StatusOr<VerdictReceipt> ReadVerdictReceipt(const nlohmann::json& receipt) {
  RETURN_IF_ERROR(RequireObject(receipt));
  ASSIGN_OR_RETURN(const std::string schema, Text(receipt, "schema"));
  const bool recorded = schema == kReceiptSchema;
  if (!recorded && schema != "kalavai.receipt/1") {
    return ReceiptInvalid(absl::StrCat("schema ", Shown(schema), "; must be ", kReceiptSchema));
  }
  VerdictReceipt verdict;
  ASSIGN_OR_RETURN(verdict.submission, Text(receipt, "submission"));
  ASSIGN_OR_RETURN(verdict.contributor, TextOrNone(receipt, "contributor"));
  ASSIGN_OR_RETURN(verdict.state, Text(receipt, "state"));
  ASSIGN_OR_RETURN(verdict.reason, TextOrNone(receipt, "reason"));
  ASSIGN_OR_RETURN(verdict.root_digest, Text(receipt, "root_digest"));
  ASSIGN_OR_RETURN(verdict.time, TextOrNone(receipt, "time"));
  if (ActionOf(verdict.state).empty()) {
    return ReceiptInvalid(absl::StrCat("state ", Shown(verdict.state),
                                       "; must be ADMITTED, QUARANTINED or REJECTED"));
  }
  if (recorded) {
    ASSIGN_OR_RETURN(verdict.record, ReadRecord(receipt));
  }
  return verdict;
}

absl::StatusOr<WithdrawalReceipt> ReadWithdrawalReceipt(const nlohmann::json& receipt) {
  RETURN_IF_ERROR(RequireObject(receipt));
  ASSIGN_OR_RETURN(const std::string schema, Text(receipt, "schema"));
  if (schema != kWithdrawalSchema) {
    return ReceiptInvalid(absl::StrCat("schema ", Shown(schema), "; must be ", kWithdrawalSchema));
  }
  if (const absl::Status keys =
          CheckJsonKeys(receipt, {"contributor", "deleted", "inclusion_proof", "kept", "leaf",
                                  "log_index", "schema", "submissions", "time", "tree_head"});
      !keys.ok()) {
    return ReceiptInvalid(absl::StrCat("fields: ", keys.message()));
  }
  WithdrawalReceipt withdrawal;
  ASSIGN_OR_RETURN(withdrawal.contributor, Text(receipt, "contributor"));
  ASSIGN_OR_RETURN(withdrawal.submissions, ReadSubmissions(receipt));
  ASSIGN_OR_RETURN(withdrawal.deleted, Digests(receipt, "deleted"));
  ASSIGN_OR_RETURN(withdrawal.kept, Digests(receipt, "kept"));
  ASSIGN_OR_RETURN(withdrawal.time, Text(receipt, "time"));
  ASSIGN_OR_RETURN(withdrawal.record, ReadRecord(receipt));
  for (const Digest& digest : withdrawal.kept) {
    if (std::find(withdrawal.deleted.begin(), withdrawal.deleted.end(), digest) !=
        withdrawal.deleted.end()) {
      return ReceiptInvalid(absl::StrCat(digest.Hex(), ": both deleted and kept; must be one"));
    }
  }
  return withdrawal;
}

nlohmann::json WithdrawalLeafFields(const WithdrawalReceipt& receipt) {
  std::string submissions;
  for (const WithdrawalReceipt::Submission& submission : receipt.submissions) {
    absl::StrAppend(&submissions, submission.name, " ", submission.root_digest, "\n");
  }
  return {{"files", receipt.deleted.size()},
          {"deleted_sha256", DigestOfLines(receipt.deleted)},
          {"kept", receipt.kept.size()},
          {"kept_sha256", DigestOfLines(receipt.kept)},
          {"submissions", receipt.submissions.size()},
          {"submissions_sha256", Sha256Of(submissions).Hex()}};
}

absl::Status CheckReceiptLeaf(const VerdictReceipt& receipt, const ReceiptRecord& record) {
  ASSIGN_OR_RETURN(const Leaf leaf, ReadLeaf(record));
  ASSIGN_OR_RETURN(const std::string root, Text(leaf.fields, "root_digest"));
  if (leaf.subject == receipt.submission && root == receipt.root_digest &&
      leaf.action == ActionOf(receipt.state)) {
    return absl::OkStatus();
  }
  return ReceiptInvalid(absl::StrCat("leaf ", leaf.index, " tells of ", leaf.action, " of ",
                                     leaf.subject, "; must tell of ", receipt.state, " of ",
                                     receipt.submission));
}

absl::Status CheckReceiptLeaf(const WithdrawalReceipt& receipt) {
  ASSIGN_OR_RETURN(const Leaf leaf, ReadLeaf(receipt.record));
  if (leaf.subject != receipt.contributor || leaf.action != "ERASE_CONTRIBUTOR") {
    return ReceiptInvalid(absl::StrCat("leaf ", leaf.index, " tells of ", leaf.action, " of ",
                                       leaf.subject, "; must tell of ERASE_CONTRIBUTOR of ",
                                       receipt.contributor));
  }
  const nlohmann::json listed = WithdrawalLeafFields(receipt);
  for (const auto& [field, value] : listed.items()) {
    const auto found = leaf.fields.find(field);
    if (found != leaf.fields.end() && *found == value) continue;
    return ReceiptInvalid(absl::StrCat(
        "leaf ", leaf.index, " has ", field, " ",
        found == leaf.fields.end() ? "missing" : Shown(found->dump()), "; must be ", value.dump(),
        ", as the receipt's list of ", absl::StrCat(field).substr(0, field.find('_'))));
  }
  return absl::OkStatus();
}

absl::Status CheckReceiptProof(const ReceiptRecord& record, const TreeState& head) {
  if (record.index < 0) return ReceiptInvalid("log_index: must not be negative");
  const absl::Status included =
      VerifyInclusion({.index = static_cast<uint64_t>(record.index), .size = head.size},
                      LeafHash(record.leaf), record.proof, head.root);
  return included.ok() ? included : ReceiptInvalid(included.message());
}

}  // namespace kalavai
