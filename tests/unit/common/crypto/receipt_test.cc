// Goal: what a receipt says is read into types or refused, and its leaf binds every list of it.
// Method: a receipt by hand; every field in turn as every JSON type that it is not; the leaf of one
// receipt with the lists of another. Signatures and tree heads: tests/unit/contributor.
#include "common/crypto/receipt.h"

#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

nlohmann::json Withdrawal() {
  return {{"schema", kWithdrawalSchema},
          {"contributor", "cooperatives/nordic/contributors/ann"},
          {"submissions", {{{"name", "cooperatives/nordic/submissions/a"}, {"root_digest", ""}}}},
          {"deleted", {Sha256Of("one").Hex()}},
          {"kept", {Sha256Of("two").Hex()}},
          {"log_index", 7},
          {"leaf", "{}"},
          {"tree_head", "a note"},
          {"inclusion_proof", {Sha256Of("hash").Hex()}},
          {"time", "2026-11-23T10:00:00.000000Z"}};
}

nlohmann::json Verdict() {
  return {{"schema", kReceiptSchema},
          {"contributor", "cooperatives/nordic/contributors/ann"},
          {"submission", "cooperatives/nordic/submissions/a"},
          {"root_digest", Sha256Of("root").Hex()},
          {"state", "ADMITTED"},
          {"reason", ""},
          {"log_index", 7},
          {"leaf", "{}"},
          {"tree_head", "a note"},
          {"inclusion_proof", nlohmann::json::array()},
          {"time", "2026-11-23T10:00:00.000000Z"}};
}

// One value of every type, and integers that are none of ours.
std::vector<nlohmann::json> Values() {
  return {nullptr, true,           5,        -1, 2.5, UINT64_MAX, "text", nlohmann::json::array(),
          {1, 2},  {{"key", "x"}}, {nullptr}};
}

TEST_CASE("A field of another type is refused, never misread", "[receipt]") {
  REQUIRE_OK(ReadWithdrawalReceipt(Withdrawal()).status());
  REQUIRE_OK(ReadVerdictReceipt(Verdict()).status());
  const nlohmann::json withdrawal = Withdrawal();
  const nlohmann::json verdict = Verdict();
  for (const nlohmann::json& value : Values()) {
    REQUIRE_STATUS(ReadWithdrawalReceipt(value), kInvalid, "RECEIPT_INVALID");
    REQUIRE_STATUS(ReadVerdictReceipt(value), kInvalid, "RECEIPT_INVALID");
    for (const auto& [field, was] : withdrawal.items()) {
      INFO(field << " = " << value.dump());
      nlohmann::json receipt = Withdrawal();
      receipt[field] = value;
      const bool same_type =
          value.type() == was.type() || (value.is_number_integer() && was.is_number_integer());
      const auto read = ReadWithdrawalReceipt(receipt);
      if (!same_type || field == "schema") {
        REQUIRE_STATUS(read, kInvalid, "RECEIPT_INVALID");
      }
      if (read.ok()) REQUIRE_FALSE(CheckReceiptLeaf(*read).ok());
    }
    for (const auto& [field, was] : verdict.items()) {
      INFO(field << " = " << value.dump());
      nlohmann::json receipt = Verdict();
      receipt[field] = value;
      const bool same_type =
          value.type() == was.type() || (value.is_number_integer() && was.is_number_integer());
      const auto read = ReadVerdictReceipt(receipt);
      if (!same_type) {
        REQUIRE_STATUS(read, kInvalid, "RECEIPT_INVALID");
      }
    }
  }
  for (const auto& [field, was] : withdrawal.items()) {
    INFO(field);
    nlohmann::json receipt = Withdrawal();
    receipt.erase(field);
    REQUIRE_STATUS(ReadWithdrawalReceipt(receipt), kInvalid, "RECEIPT_INVALID");
  }
}

TEST_CASE("A verdict of the first schema has no place in the record", "[receipt]") {
  nlohmann::json receipt = Verdict();
  receipt["schema"] = "kalavai.receipt/1";
  CHECK_FALSE(ReadVerdictReceipt(receipt).value().record.has_value());
  receipt["schema"] = "kalavai.receipt/3";
  REQUIRE_STATUS(ReadVerdictReceipt(receipt), kInvalid, "RECEIPT_INVALID");
}

TEST_CASE("The leaf of a withdrawal binds every list", "[receipt]") {
  REQUIRE_OK_AND_ASSIGN(WithdrawalReceipt receipt, ReadWithdrawalReceipt(Withdrawal()));
  const auto leaf_of = [](const WithdrawalReceipt& of) {
    return nlohmann::json{{"index", 7},
                          {"action", "ERASE_CONTRIBUTOR"},
                          {"subject", of.contributor},
                          {"fields", WithdrawalLeafFields(of)}}
        .dump();
  };
  receipt.record.leaf = leaf_of(receipt);
  REQUIRE_OK(CheckReceiptLeaf(receipt));
  std::vector<WithdrawalReceipt> others(6, receipt);
  others[0].deleted.clear();
  others[1].kept.clear();
  others[2].kept[0] = Sha256Of("three");
  others[3].submissions.clear();
  others[4].submissions[0].root_digest = Sha256Of("root").Hex();
  others[5].contributor = "cooperatives/nordic/contributors/bo";
  std::set<std::string> leaves = {receipt.record.leaf};
  for (const WithdrawalReceipt& other : others) {
    REQUIRE_STATUS(CheckReceiptLeaf(other), kInvalid, "RECEIPT_INVALID");
    leaves.insert(leaf_of(other));
  }
  CHECK(leaves.size() == 7);
  receipt.record.index = 8;
  REQUIRE_STATUS(CheckReceiptLeaf(receipt), kInvalid, "RECEIPT_INVALID");
  receipt.record.index = -1;
  REQUIRE_STATUS(CheckReceiptProof(receipt.record, {}), kInvalid, "RECEIPT_INVALID");
}

}  // namespace
}  // namespace kalavai
