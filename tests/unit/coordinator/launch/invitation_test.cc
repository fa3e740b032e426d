// Goal: a code carries what a member needs, and secrets do not repeat.
// Method: read a code back with the JSON reader; two secrets.
#include "coordinator/launch/invitation.h"

#include <string>

#include "common/base/hex.h"
#include "common/base/json_reader.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("A code is its prefix and the six fields in base64url") {
  const std::string code = FormatInvitationCode({.enroll_address = "h:7444",
                                                 .service_address = "h:7443",
                                                 .authority_fingerprint = "ab",
                                                 .cooperative = "nordic",
                                                 .contributor = "firm",
                                                 .secret = Secret<std::string>("s")});
  REQUIRE(code.rfind("kalavai1-", 0) == 0);
  REQUIRE_OK_AND_ASSIGN(const std::string json, Base64UrlDecode(code.substr(9)));
  REQUIRE_OK_AND_ASSIGN(const nlohmann::json object, ReadJson(json));
  REQUIRE(object == nlohmann::json({{"enroll", "h:7444"},
                                    {"service", "h:7443"},
                                    {"authority", "ab"},
                                    {"cooperative", "nordic"},
                                    {"contributor", "firm"},
                                    {"secret", "s"}}));
}

TEST_CASE("Secrets are 32 fresh bytes") {
  const std::string one = NewInvitationSecret().Reveal();
  REQUIRE_OK_AND_ASSIGN(const std::string bytes, Base64UrlDecode(one));
  REQUIRE(bytes.size() == 32);
  REQUIRE(one != NewInvitationSecret().Reveal());
  REQUIRE(InvitationSecretDigest(one) == Sha256Of(one));
}

}  // namespace
}  // namespace kalavai::coordinator
