// Goal: "erased" is said only when the receipt lists as deleted all that the member knows it sent.
// Method: a workspace with egress receipts of every act, and receipts that leave out one thing.
#include "contributor/withdrawal/erasure.h"

#include "common/corpus/document_list.h"
#include "common/crypto/signing_key.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

constexpr char kAnn[] = "cooperatives/nordic/contributors/ann";

struct Home {
  Home() {
    REQUIRE_OK(workspace.Create());
    REQUIRE_OK(SigningKey::Create().value().SaveToFile(workspace.SigningKeyFile()));
  }

  void Sent(const std::string& act, const std::vector<std::string>& paths,
            const std::string& contributor = kAnn) const {
    Egress egress = {.act = act, .subject = contributor, .items = {}};
    for (const std::string& path : paths) egress.items.push_back({path, 1, Sha256Of(path)});
    Membership member;
    member.contributor = contributor;
    REQUIRE_OK(SaveEgressReceipt(workspace, member, egress).status());
  }

  testing::TempDir temp;
  Workspace workspace{temp.File("home")};
};

WithdrawalReceipt ReceiptOf(const std::vector<std::string>& deleted,
                            const std::vector<std::string>& kept = {}) {
  WithdrawalReceipt receipt;
  receipt.contributor = kAnn;
  for (const std::string& path : deleted) receipt.deleted.push_back(Sha256Of(path));
  for (const std::string& path : kept) receipt.kept.push_back(Sha256Of(path));
  receipt.submissions = {{.name = "cooperatives/nordic/submissions/ann-1", .root_digest = ""}};
  return receipt;
}

TEST_CASE("All that was sent must be among what was deleted", "[withdrawal]") {
  const Home home;
  home.Sent("submit", {"model.safetensors", "gate_statistics.safetensors", "config.json",
                       kTrainingDocumentsFile});
  home.Sent("share-sample", {"sample.jsonl"});
  home.Sent("predict", {"measurement"});
  home.Sent("submit", {"of another member.safetensors"}, "cooperatives/nordic/contributors/bo");
  const std::vector<std::string> own = {"model.safetensors", "gate_statistics.safetensors",
                                        kTrainingDocumentsFile, "sample.jsonl"};
  REQUIRE_OK_AND_ASSIGN(const Erasure all, CompareWithSent(home.workspace, ReceiptOf(own)));
  CHECK(all.IsComplete());
  CHECK(all.Erased() == true);
  CHECK(all.Headline() == "WITHDRAWN and erased");
  CHECK(all.Warning().empty());
  for (const std::string& missing : own) {
    INFO(missing);
    std::vector<std::string> deleted = own;
    std::erase(deleted, missing);
    for (const bool kept : {false, true}) {
      REQUIRE_OK_AND_ASSIGN(
          const Erasure some,
          CompareWithSent(home.workspace,
                          ReceiptOf(deleted, kept ? std::vector<std::string>{missing}
                                                  : std::vector<std::string>{})));
      CHECK_FALSE(some.IsComplete());
      CHECK(some.Erased() == false);
      CHECK(some.Headline().find("erased") == std::string::npos);
      REQUIRE(some.left.size() == 1);
      CHECK(some.left[0].path == missing);
      CHECK(some.left[0].kept == kept);
      CHECK(some.Json()[0]["sha256"] == Sha256Of(missing).Hex());
      CHECK(some.Warning().find(missing) == 0);
      CHECK((some.Warning().find("NOT deleted") != std::string::npos) == kept);
    }
  }
}

TEST_CASE("Without receipts of what was sent nothing is said to be erased", "[withdrawal]") {
  const Home home;
  REQUIRE_OK_AND_ASSIGN(const Erasure unknown,
                        CompareWithSent(home.workspace, ReceiptOf({"model.safetensors"})));
  CHECK_FALSE(unknown.IsComplete());
  CHECK(unknown.Erased().is_null());
  CHECK(unknown.Headline().find("erased") == std::string::npos);
  WithdrawalReceipt nothing = ReceiptOf({});
  nothing.submissions.clear();
  CHECK(CompareWithSent(home.workspace, nothing).value().IsComplete());
  home.Sent("submit", {"model.safetensors"});
  for (const char* const damage : {"{}", ""}) {
    testing::WriteFile(home.workspace.EgressDirectory() + "/2026-damaged.json", damage);
    CHECK_FALSE(CompareWithSent(home.workspace, ReceiptOf({"model.safetensors"})).ok());
  }
}

}  // namespace
}  // namespace kalavai::contributor
