// Goal: a receipt holds only when signature, leaf, list, tree head and proof all agree, and says so
// without anybody being asked. Method: receipts made here with keys of our own, then every part
// changed in turn.
#include "contributor/receipt.h"

#include <functional>
#include <string>

#include "tests/support/catch.h"
#include "tests/unit/contributor/receipt_fixture.h"

namespace kalavai::contributor {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST_CASE("A receipt of a withdrawal and one of a verdict hold", "[receipt]") {
  const ReceiptGround ground;
  REQUIRE_OK_AND_ASSIGN(
      const Receipt left,
      VerifyReceipt(ground.Sign(ground.Withdrawal(), kWithdrawalType), ground.Keys()));
  CHECK(left.kind == "withdrawal");
  CHECK(left.head.size == 5);
  REQUIRE(left.withdrawal.has_value());
  CHECK(left.withdrawal->deleted.size() == 2);
  CHECK(left.withdrawal->submissions[1].name == "cooperatives/nordic/submissions/ann-2");
  REQUIRE_OK_AND_ASSIGN(const Receipt verdict,
                        VerifyReceipt(ground.Sign(ground.Verdict(), kReceiptType), ground.Keys()));
  CHECK(verdict.kind == "verdict");
  REQUIRE(verdict.verdict.has_value());
  CHECK(verdict.verdict->state == "ADMITTED");
}

TEST_CASE("Every changed part is noticed, whoever signed it", "[receipt]") {
  const ReceiptGround ground;
  struct Case {
    const char* what;
    std::function<void(nlohmann::json&)> change;
  };
  const Case cases[] = {
      {"a digest less", [](auto& r) { r["deleted"].erase(0); }},
      {"a digest more", [](auto& r) { r["deleted"].push_back(Sha256Of("three").Hex()); }},
      {"another digest", [](auto& r) { r["deleted"][0] = Sha256Of("x").Hex(); }},
      {"no digest", [](auto& r) { r["deleted"][0] = 7; }},
      {"no list", [](auto& r) { r["deleted"] = "all"; }},
      {"kept is no list", [](auto& r) { r.erase("kept"); }},
      {"nothing kept", [](auto& r) { r["kept"] = nlohmann::json::array(); }},
      {"something else kept", [](auto& r) { r["kept"][0] = Sha256Of("x").Hex(); }},
      {"one more kept", [](auto& r) { r["kept"].push_back(Sha256Of("x").Hex()); }},
      {"deleted and kept", [](auto& r) { r["kept"].push_back(r["deleted"][0]); }},
      {"no submissions", [](auto& r) { r["submissions"] = nlohmann::json::array(); }},
      {"submissions of no list", [](auto& r) { r["submissions"] = "ann-1"; }},
      {"a submission that is a number", [](auto& r) { r["submissions"] = {1}; }},
      {"another's submission",
       [](auto& r) { r["submissions"][0]["name"] = "cooperatives/nordic/submissions/bo-1"; }},
      {"a submission of another root",
       [](auto& r) { r["submissions"][0]["root_digest"] = Sha256Of("x").Hex(); }},
      {"a root that is no digest", [](auto& r) { r["submissions"][0]["root_digest"] = "x"; }},
      {"a submission with one field more", [](auto& r) { r["submissions"][0]["state"] = "x"; }},
      {"a time that is a number", [](auto& r) { r["time"] = 5; }},
      {"no time", [](auto& r) { r.erase("time"); }},
      {"a contributor that is a list", [](auto& r) { r["contributor"] = {kAnn}; }},
      {"a place that is a text", [](auto& r) { r["log_index"] = "2"; }},
      {"a place that is a fraction", [](auto& r) { r["log_index"] = 2.0; }},
      {"a place beyond 63 bits", [](auto& r) { r["log_index"] = UINT64_MAX; }},
      {"a leaf that is null", [](auto& r) { r["leaf"] = nullptr; }},
      {"a head that is an object", [](auto& r) { r["tree_head"] = nlohmann::json::object(); }},
      {"a proof of numbers",
       [](auto& r) {
         r["inclusion_proof"] = {1, 2};
       }},
      {"a field that is not ours", [](auto& r) { r["erased"] = true; }},
      {"a list", [](auto& r) { r = nlohmann::json::array({1}); }},
      {"null", [](auto& r) { r = nullptr; }},
      {"another member", [](auto& r) { r["contributor"] = "cooperatives/nordic/contributors/bo"; }},
      {"another place", [](auto& r) { r["log_index"] = 3; }},
      {"a negative place", [](auto& r) { r["log_index"] = -1; }},
      {"no place", [](auto& r) { r.erase("log_index"); }},
      {"another leaf", [](auto& r) { r["leaf"] = r["leaf"].template get<std::string>() + " "; }},
      {"no leaf", [](auto& r) { r.erase("leaf"); }},
      {"a leaf that is no object", [](auto& r) { r["leaf"] = "[]"; }},
      {"a shorter proof", [](auto& r) { r["inclusion_proof"].erase(0); }},
      {"a longer proof", [](auto& r) { r["inclusion_proof"].push_back(Sha256Of("x").Hex()); }},
      {"no proof", [](auto& r) { r.erase("inclusion_proof"); }},
      {"another head", [](auto& r) { r["tree_head"] = "kalavai/test\n5\n"; }},
      {"another schema", [](auto& r) { r["schema"] = "kalavai.receipt/2"; }},
      {"a schema to come", [](auto& r) { r["schema"] = "kalavai.withdrawal/99"; }},
      {"the schema before", [](auto& r) { r["schema"] = "kalavai.withdrawal/1"; }},
      {"a schema that is a number", [](auto& r) { r["schema"] = 2; }},
      {"no schema", [](auto& r) { r.erase("schema"); }},
  };
  for (const Case& changed : cases) {
    INFO(changed.what);
    nlohmann::json receipt = ground.Withdrawal();
    changed.change(receipt);
    REQUIRE_STATUS(VerifyReceipt(ground.Sign(receipt, kWithdrawalType), ground.Keys()), kInvalid,
                   "RECEIPT_INVALID");
  }
}

TEST_CASE("A verdict of other fields, types or leaf is noticed, whoever signed it", "[receipt]") {
  const ReceiptGround ground;
  struct Case {
    const char* what;
    std::function<void(nlohmann::json&)> change;
  };
  const Case cases[] = {
      {"a submission that is a number", [](auto& r) { r["submission"] = 1; }},
      {"another submission", [](auto& r) { r["submission"] = "x"; }},
      {"a state that is a list", [](auto& r) { r["state"] = {"ADMITTED"}; }},
      {"another state", [](auto& r) { r["state"] = "REJECTED"; }},
      {"a state that only begins as one", [](auto& r) { r["state"] = "ADMITTEDLY"; }},
      {"no state", [](auto& r) { r.erase("state"); }},
      {"another root", [](auto& r) { r["root_digest"] = ""; }},
      {"a root that is null", [](auto& r) { r["root_digest"] = nullptr; }},
      {"a time that is a number", [](auto& r) { r["time"] = 5; }},
      {"a reason that is a number", [](auto& r) { r["reason"] = 5; }},
      {"a contributor that is a number", [](auto& r) { r["contributor"] = 5; }},
      {"a leaf of other fields", [](auto& r) { r["leaf"] = "{\"index\":2}"; }},
      {"no place", [](auto& r) { r.erase("log_index"); }},
      {"a schema without a place", [](auto& r) { r["schema"] = "kalavai.receipt/1"; }},
      {"a schema to come", [](auto& r) { r["schema"] = "kalavai.receipt/99"; }},
      {"a text", [](auto& r) { r = "ADMITTED"; }},
  };
  for (const Case& changed : cases) {
    INFO(changed.what);
    nlohmann::json receipt = ground.Verdict();
    changed.change(receipt);
    REQUIRE_STATUS(VerifyReceipt(ground.Sign(receipt, kReceiptType), ground.Keys()), kInvalid,
                   "RECEIPT_INVALID");
  }
}

TEST_CASE("A receipt by another key, of another type or log proves nothing", "[receipt]") {
  const ReceiptGround ground;
  const ReceiptGround other;
  const std::string envelope = ground.Sign(ground.Withdrawal(), kWithdrawalType);
  REQUIRE_STATUS(VerifyReceipt(envelope, other.Keys()), absl::StatusCode::kPermissionDenied,
                 "KEY_MISMATCH");
  REQUIRE_STATUS(VerifyReceipt(envelope, {.coordinator = ground.key.public_key(),
                                          .log = other.signer.verifier()}),
                 kInvalid, "RECEIPT_INVALID");
  REQUIRE_STATUS(VerifyReceipt(ground.Sign(ground.Withdrawal(), "text/plain"), ground.Keys()),
                 kInvalid, "RECEIPT_INVALID");
  // Signed as the one kind, written as the other.
  REQUIRE_STATUS(VerifyReceipt(ground.Sign(ground.Withdrawal(), kReceiptType), ground.Keys()),
                 kInvalid, "RECEIPT_INVALID");
  REQUIRE_STATUS(VerifyReceipt("no envelope", ground.Keys()), kInvalid, "SIGNATURE_MALFORMED");
  REQUIRE_STATUS(VerifyReceipt("", ground.Keys()), kInvalid, "SIGNATURE_MALFORMED");
}

}  // namespace
}  // namespace kalavai::contributor
