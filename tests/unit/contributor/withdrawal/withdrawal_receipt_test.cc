// Goal: a receipt that held is never lost to one that does not, nor to another one. Method: good,
// bad and other receipts, sent in every order to one workspace, and the bytes that lie there.
#include "contributor/withdrawal/withdrawal_receipt.h"

#include <filesystem>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/contributor/receipt_fixture.h"

namespace kalavai::contributor {
namespace {

struct Home {
  Home() {
    REQUIRE_OK(workspace.Create());
    good = ground.Sign(ground.Withdrawal(), kWithdrawalType);
    nlohmann::json later = ground.Withdrawal();
    later["time"] = "2027-01-01T00:00:00.000000Z";
    other = ground.Sign(later, kWithdrawalType);
    nlohmann::json wrong = ground.Withdrawal();
    wrong["kept"] = nlohmann::json::array();
    bad = ground.Sign(wrong, kWithdrawalType);
  }

  absl::StatusOr<KeptWithdrawal> Keep(const std::string& envelope) const {
    return KeepWithdrawalReceipt(workspace, ground.Keys(), kAnn, envelope);
  }
  std::string Kept() const { return testing::ReadFile(workspace.WithdrawalReceiptFile()); }
  std::set<std::string> All() const {
    std::set<std::string> texts;
    for (const auto& entry : std::filesystem::directory_iterator(workspace.ReceiptsDirectory())) {
      texts.insert(testing::ReadFile(entry.path().string()));
    }
    return texts;
  }

  testing::TempDir temp;
  Workspace workspace{temp.File("home")};
  ReceiptGround ground;
  std::string good, other, bad;
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST_CASE("A receipt that held is never replaced", "[withdrawal]") {
  const Home home;
  REQUIRE_OK_AND_ASSIGN(const KeptWithdrawal first, home.Keep(home.good));
  CHECK(first.note.empty());
  CHECK(home.Kept() == home.good + "\n");
  REQUIRE_OK_AND_ASSIGN(const KeptWithdrawal again, home.Keep(home.good));
  CHECK(again.note.empty());
  CHECK(home.All().size() == 1);
  const absl::Status refused = home.Keep(home.bad).status();
  REQUIRE_STATUS(refused, kInvalid, "RECEIPT_INVALID");
  CHECK(refused.message().find("the earlier receipt holds still") != std::string::npos);
  CHECK(home.Kept() == home.good + "\n");
  CHECK(home.All() == std::set<std::string>{home.good + "\n", home.bad + "\n"});
  REQUIRE_OK_AND_ASSIGN(const KeptWithdrawal two, home.Keep(home.other));
  CHECK(two.note.find("another receipt") != std::string::npos);
  CHECK(two.receipt.withdrawal->time == "2026-11-23T10:00:00.000000Z");
  CHECK(home.Kept() == home.good + "\n");
  CHECK(home.All().size() == 3);
  REQUIRE_STATUS(home.Keep(""), kInvalid, "SIGNATURE_MALFORMED");
  CHECK(home.All().size() == 3);
}

TEST_CASE("What does not hold lies beside, and gives way", "[withdrawal]") {
  const Home home;
  REQUIRE_STATUS(home.Keep(home.bad), kInvalid, "RECEIPT_INVALID");
  CHECK_FALSE(std::filesystem::exists(home.workspace.WithdrawalReceiptFile()));
  CHECK(home.All() == std::set<std::string>{home.bad + "\n"});
  // As an earlier program, or a damaged disk, left it.
  testing::WriteFile(home.workspace.WithdrawalReceiptFile(), "half a rec");
  REQUIRE_OK_AND_ASSIGN(const KeptWithdrawal kept, home.Keep(home.good));
  CHECK(kept.note.find("held no receipt that holds") != std::string::npos);
  CHECK(home.Kept() == home.good + "\n");
  CHECK(home.All() ==
        std::set<std::string>{home.bad + "\n", home.good + "\n", std::string("half a rec\n")});
  // Of another member, and of another kind.
  const Home another;
  REQUIRE_STATUS(KeepWithdrawalReceipt(another.workspace, another.ground.Keys(),
                                       "cooperatives/nordic/contributors/bo", another.good),
                 kInvalid, "RECEIPT_INVALID");
  REQUIRE_STATUS(another.Keep(another.ground.Sign(another.ground.Verdict(), kReceiptType)),
                 kInvalid, "RECEIPT_INVALID");
}

}  // namespace
}  // namespace kalavai::contributor
