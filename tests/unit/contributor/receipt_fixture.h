// Receipts as a coordinator signs them, made with keys of our own: for tests of who reads them.
#ifndef KALAVAI_TESTS_UNIT_CONTRIBUTOR_RECEIPT_FIXTURE_H_
#define KALAVAI_TESTS_UNIT_CONTRIBUTOR_RECEIPT_FIXTURE_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/crypto/dsse.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/note_key.h"
#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"
#include "common/crypto/tree_head.h"
#include "contributor/receipt.h"

namespace kalavai::contributor {

inline constexpr char kAnn[] = "cooperatives/nordic/contributors/ann";

// A coordinator's keys, and receipts by them.
struct ReceiptGround {
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

  // Of ann, who sent "one" and "two" and a tokenizer that others have; `fields` of the leaf as the
  // documentation has them.
  nlohmann::json Withdrawal() const {
    const std::string one = Sha256Of("one").Hex();
    const std::string two = Sha256Of("two").Hex();
    const std::string tokenizer = Sha256Of("tokenizer").Hex();
    const std::string root = Sha256Of("root").Hex();
    nlohmann::json receipt =
        Recorded({{"index", 2},
                  {"action", "ERASE_CONTRIBUTOR"},
                  {"subject", kAnn},
                  {"fields",
                   {{"files", 2},
                    {"kept", 1},
                    {"submissions", 2},
                    {"deleted_sha256", Sha256Of(absl::StrCat(one, "\n", two, "\n")).Hex()},
                    {"kept_sha256", Sha256Of(tokenizer + "\n").Hex()},
                    {"submissions_sha256",
                     Sha256Of(absl::StrCat("cooperatives/nordic/submissions/ann-1 ", root,
                                           "\ncooperatives/nordic/submissions/ann-2 \n"))
                         .Hex()}}}});
    receipt["schema"] = "kalavai.withdrawal/2";
    receipt["contributor"] = kAnn;
    receipt["submissions"] = {
        {{"name", "cooperatives/nordic/submissions/ann-1"}, {"root_digest", root}},
        {{"name", "cooperatives/nordic/submissions/ann-2"}, {"root_digest", ""}}};
    receipt["deleted"] = {one, two};
    receipt["kept"] = {tokenizer};
    return receipt;
  }

  nlohmann::json Verdict() const {
    nlohmann::json receipt = Recorded({{"index", 2},
                                       {"action", "ADMIT_SUBMISSION"},
                                       {"subject", "cooperatives/nordic/submissions/ann-1"},
                                       {"fields", {{"root_digest", Sha256Of("root").Hex()}}}});
    receipt["schema"] = "kalavai.receipt/2";
    receipt["contributor"] = kAnn;
    receipt["reason"] = "";
    receipt["submission"] = "cooperatives/nordic/submissions/ann-1";
    receipt["root_digest"] = Sha256Of("root").Hex();
    receipt["state"] = "ADMITTED";
    return receipt;
  }

  std::string Sign(const nlohmann::json& receipt, const char* type) const {
    return SignEnvelope(key, type, receipt.dump()).value();
  }
};

}  // namespace kalavai::contributor

#endif  // KALAVAI_TESTS_UNIT_CONTRIBUTOR_RECEIPT_FIXTURE_H_
