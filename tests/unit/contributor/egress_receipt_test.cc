// Goal: what leaves is listed, signed by the member, before it goes. Method: a receipt opened with
// the member's key and read back; a workspace without a key.
#include "contributor/egress_receipt.h"

#include <filesystem>

#include "nlohmann/json.hpp"

#include "common/crypto/dsse.h"
#include "common/crypto/signing_key.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

TEST_CASE("A receipt lists every item, and their sum, under the member's signature",
          "[contributor]") {
  const testing::TempDir temp;
  const Workspace workspace(temp.File("home"));
  REQUIRE_OK(workspace.Create());
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK(key.SaveToFile(workspace.SigningKeyFile()));
  Membership member;
  member.coordinator = "coop.example:50051";
  member.contributor = "cooperatives/nordic/contributors/ann";
  const Egress egress = {.act = "submit",
                         .subject = "cooperatives/nordic/submissions/ann-1",
                         .items = {{"config.json", 2, Sha256Of("{}")}, {"w", 40, Sha256Of("w")}}};
  REQUIRE_OK_AND_ASSIGN(const std::string path, SaveEgressReceipt(workspace, member, egress));
  CHECK(std::filesystem::path(path).parent_path() == workspace.EgressDirectory());
  CHECK(std::filesystem::status(path).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  const std::string envelope = testing::ReadFile(path);
  REQUIRE_OK_AND_ASSIGN(const std::string payload,
                        VerifyEnvelope(envelope, key.public_key(), kEgressType));
  const nlohmann::json receipt = nlohmann::json::parse(payload);
  CHECK(receipt.dump() == payload);  // canonical
  CHECK(receipt["schema"] == "kalavai.egress/1");
  CHECK(receipt["act"] == "submit");
  CHECK(receipt["subject"] == egress.subject);
  CHECK(receipt["contributor"] == member.contributor);
  CHECK(receipt["coordinator"] == member.coordinator);
  CHECK(receipt["bytes"] == 42);
  REQUIRE(receipt["items"].size() == 2);
  CHECK(receipt["items"][0]["sha256"] == Sha256Of("{}").Hex());
  CHECK(receipt["items"][1]["size_bytes"] == 40);
  REQUIRE_OK_AND_ASSIGN(const SigningKey other, SigningKey::Create());
  CHECK_FALSE(VerifyEnvelope(envelope, other.public_key(), kEgressType).ok());
}

TEST_CASE("Acts get receipts of their own", "[contributor]") {
  const testing::TempDir temp;
  const Workspace workspace(temp.File("home"));
  REQUIRE_OK(workspace.Create());
  const Egress egress = {.act = "predict", .subject = "x", .items = {}};
  CHECK_FALSE(SaveEgressReceipt(workspace, {}, egress).ok());  // no key: nothing may leave
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK(key.SaveToFile(workspace.SigningKeyFile()));
  REQUIRE_OK_AND_ASSIGN(const std::string first, SaveEgressReceipt(workspace, {}, egress));
  REQUIRE_OK_AND_ASSIGN(const std::string second, SaveEgressReceipt(workspace, {}, egress));
  CHECK(first != second);
  CHECK(std::filesystem::exists(first));
}

}  // namespace
}  // namespace kalavai::contributor
