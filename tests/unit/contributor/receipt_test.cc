// Goal: a receipt holds only when signature, leaf, list, tree head and proof all agree, and says so
// without anybody being asked. Method: receipts made here with keys of our own, then every part
// changed in turn.
#include "contributor/receipt.h"

#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/crypto/dsse.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/tree_head.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

struct Ground {
  SigningKey key = SigningKey::Create().value();
  NoteSigner signer = NoteSigner::Create("kalavai/test").value();
  ReceiptKeys Keys() const { return {.coordinator = key.public_key(), .log = signer.verifier()}; }

  // A log of five leaves with `leaf` as number 2, and the parts of a receipt of it.
  nlohmann::json Recorded(const nlohmann::json& leaf) const {
    std::vector<std::string> leaves = {"a", "b", leaf.dump(), "c", "d"};
    std::vector<Digest> hashes;
    for (const std::string& text : leaves) hashes.push_back(LeafHash(text));
    nlohmann::json proof = nlohmann::json::array();
    const std::vector<Digest> path = InclusionProof(hashes, 2).value();
    for (const Digest& hash : path) proof.push_back(hash.Hex());
    return {{"log_index", 2},
            {"leaf", leaf.dump()},
            {"tree_head", SignTreeHead({.size = 5, .root = RootHash(hashes)}, signer).value()},
            {"inclusion_proof", proof},
            {"time", "2026-11-23T10:00:00.000000Z"}};
  }

  nlohmann::json Withdrawal() const {
    const std::string one = Sha256Of("one").Hex();
    const std::string two = Sha256Of("two").Hex();
    nlohmann::json receipt =
        Recorded({{"index", 2},
                  {"action", "ERASE_CONTRIBUTOR"},
                  {"subject", "cooperatives/nordic/contributors/ann"},
                  {"fields",
                   {{"files", 2},
                    {"kept", 1},
                    {"deleted_sha256", Sha256Of(absl::StrCat(one, "\n", two, "\n")).Hex()}}}});
    receipt["schema"] = "kalavai.withdrawal/1";
    receipt["contributor"] = "cooperatives/nordic/contributors/ann";
    receipt["submissions"] = nlohmann::json::array();
    receipt["deleted"] = {one, two};
    receipt["kept"] = {Sha256Of("tokenizer").Hex()};
    return receipt;
  }

  nlohmann::json Verdict() const {
    nlohmann::json receipt = Recorded({{"index", 2},
                                       {"action", "ADMIT_SUBMISSION"},
                                       {"subject", "cooperatives/nordic/submissions/ann-1"},
                                       {"fields", {{"root_digest", Sha256Of("root").Hex()}}}});
    receipt["schema"] = "kalavai.receipt/2";
    receipt["submission"] = "cooperatives/nordic/submissions/ann-1";
    receipt["root_digest"] = Sha256Of("root").Hex();
    receipt["state"] = "ADMITTED";
    return receipt;
  }

  std::string Sign(const nlohmann::json& receipt, const char* type) const {
    return SignEnvelope(key, type, receipt.dump()).value();
  }
};

TEST_CASE("A receipt of a withdrawal and one of a verdict hold", "[receipt]") {
  const Ground ground;
  REQUIRE_OK_AND_ASSIGN(
      const Receipt left,
      VerifyReceipt(ground.Sign(ground.Withdrawal(), kWithdrawalType), ground.Keys()));
  CHECK(left.kind == "withdrawal");
  CHECK(left.head.size == 5);
  CHECK(left.payload["deleted"].size() == 2);
  REQUIRE_OK_AND_ASSIGN(const Receipt verdict,
                        VerifyReceipt(ground.Sign(ground.Verdict(), kReceiptType), ground.Keys()));
  CHECK(verdict.kind == "verdict");
}

TEST_CASE("Every changed part is noticed, whoever signed it", "[receipt]") {
  const Ground ground;
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

TEST_CASE("A receipt by another key, of another type or log proves nothing", "[receipt]") {
  const Ground ground;
  const Ground other;
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
