// What a coordinator's receipts say: the two kinds, read once into types, by the member's program
// and by the coordinator's verifier alike.
//
//   verdict      on a submission (docs/formats/submission.md), schema kalavai.receipt/1 or /2
//   withdrawal   what was deleted when a member left (docs/formats/withdrawal.md), schema
//                kalavai.withdrawal/2
//
//   ASSIGN_OR_RETURN(const WithdrawalReceipt receipt, ReadWithdrawalReceipt(json));
//   RETURN_IF_ERROR(CheckReceiptLeaf(receipt));
//   RETURN_IF_ERROR(CheckReceiptProof(receipt.record, head));
//
// The payload of an envelope that was verified is still foreign: whoever holds the key may have
// signed anything. A receipt of a withdrawal has the documented fields and no other. Every function
// returns INVALID_ARGUMENT RECEIPT_INVALID for a field that is missing, of another type or beyond
// its range, and for parts that contradict each other. Pure; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_RECEIPT_H_
#define KALAVAI_COMMON_CRYPTO_RECEIPT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/crypto/merkle_proof.h"
#include "common/crypto/sha256.h"

namespace kalavai {

// The types of their envelopes (common/crypto/dsse.h).
inline constexpr char kReceiptType[] = "application/vnd.kalavai.receipt.v1+json";
inline constexpr char kWithdrawalType[] = "application/vnd.kalavai.withdrawal.v1+json";
inline constexpr char kReceiptSchema[] = "kalavai.receipt/2";
inline constexpr char kWithdrawalSchema[] = "kalavai.withdrawal/2";

absl::Status ReceiptInvalid(absl::string_view what);

// What a receipt says of its place in the record.
struct ReceiptRecord {
  int64_t index = 0;
  std::string leaf;
  std::string tree_head;      // a signed note
  std::vector<Digest> proof;  // of inclusion
};

struct VerdictReceipt {
  std::string submission;   // resource name
  std::string contributor;  // resource name
  std::string state;        // ADMITTED, QUARANTINED or REJECTED
  std::string reason;       // of the first failed check; may be empty
  std::string root_digest;  // hexadecimal; may be empty
  std::string time;
  std::optional<ReceiptRecord> record;  // none in kalavai.receipt/1
};

struct WithdrawalReceipt {
  struct Submission {
    std::string name;         // resource name
    std::string root_digest;  // hexadecimal; empty when it never came to a verdict
  };
  std::string contributor;  // resource name
  std::vector<Submission> submissions;
  std::vector<Digest> deleted;  // of whole files
  std::vector<Digest> kept;     // others have them, too
  std::string time;
  ReceiptRecord record;
};

absl::StatusOr<VerdictReceipt> ReadVerdictReceipt(const nlohmann::json& receipt);
absl::StatusOr<WithdrawalReceipt> ReadWithdrawalReceipt(const nlohmann::json& receipt);

// The fields of the leaf ERASE_CONTRIBUTOR: they bind every list of the receipt. `record` and
// `time` are not looked at.
nlohmann::json WithdrawalLeafFields(const WithdrawalReceipt& receipt);

// OK when the leaf tells of what the receipt tells of.
absl::Status CheckReceiptLeaf(const VerdictReceipt& receipt, const ReceiptRecord& record);
absl::Status CheckReceiptLeaf(const WithdrawalReceipt& receipt);

// OK when the leaf is under `head`.
absl::Status CheckReceiptProof(const ReceiptRecord& record, const TreeState& head);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_RECEIPT_H_
