// Goal: a member believes an invitation only whole, and a charter only from the coordinator and for
// the cooperative it joins.
// Method: codes and envelopes as a coordinator makes them; tables of damaged ones.
#include "contributor/join/charter.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/crypto/dsse.h"
#include "tests/support/catch.h"

namespace kalavai::contributor {
namespace {

nlohmann::json Fields() {
  return {{"enroll", "coordinator.example:7444"},
          {"service", "coordinator.example:7443"},
          {"authority", std::string(64, 'a')},
          {"cooperative", "nordic"},
          {"contributor", "st-mary"},
          {"secret", "c2VjcmV0"}};
}

std::string Code(const nlohmann::json& fields) {
  return absl::StrCat(kInvitationPrefix, Base64UrlEncode(fields.dump()));
}

TEST_CASE("An invitation gives addresses, fingerprint and secret", "[contributor]") {
  REQUIRE_OK_AND_ASSIGN(const Invitation invitation,
                        ParseInvitation(absl::StrCat(" ", Code(Fields()), "\n")));
  CHECK(invitation.enroll_host == "coordinator.example");
  CHECK(invitation.enroll_port == 7444);
  CHECK(invitation.EnrollAddress() == "coordinator.example:7444");
  CHECK(invitation.service_address == "coordinator.example:7443");
  CHECK(invitation.authority_fingerprint.Hex() == std::string(64, 'a'));
  CHECK(invitation.cooperative == "nordic");
  CHECK(invitation.contributor == "st-mary");
  CHECK(invitation.secret.Reveal() == "c2VjcmV0");
  nlohmann::json ipv6 = Fields();
  ipv6["enroll"] = "[::1]:7444";
  REQUIRE_OK_AND_ASSIGN(const Invitation local, ParseInvitation(Code(ipv6)));
  CHECK(local.enroll_host == "::1");
  CHECK(local.EnrollAddress() == "[::1]:7444");
}

TEST_CASE("A damaged invitation is refused whole", "[contributor]") {
  const std::string good = Code(Fields());
  std::vector<std::string> codes = {"",
                                    "hello",
                                    "kalavai2-abc",
                                    good.substr(0, good.size() - 5),
                                    good + "=",
                                    std::string(kInvitationPrefix)};
  for (const char* field :
       {"enroll", "service", "authority", "cooperative", "contributor", "secret"}) {
    nlohmann::json fields = Fields();
    fields.erase(field);
    codes.push_back(Code(fields));
    fields[field] = "";
    codes.push_back(Code(fields));
    fields[field] = 7;
    codes.push_back(Code(fields));
  }
  for (const char* address : {"host", "host:", "host:0", "host:65536", ":7444", "host:port"}) {
    nlohmann::json fields = Fields();
    fields["enroll"] = address;
    codes.push_back(Code(fields));
  }
  for (const char* name : {"../..", "a/b", "A", "\x1b[2J", "."}) {
    for (const char* field : {"cooperative", "contributor"}) {
      nlohmann::json fields = Fields();
      fields[field] = name;
      codes.push_back(Code(fields));
    }
  }
  for (const std::string& code : codes) {
    INFO(code);
    REQUIRE_STATUS(ParseInvitation(code), absl::StatusCode::kInvalidArgument, "INVITATION_INVALID");
  }
}

nlohmann::json CharterOf(const SigningKey& key) {
  return {{"version", 1},
          {"cooperative", "cooperatives/nordic"},
          {"coordinator", key.public_key().Hint()},
          {"domains", {"legal", "medical"}},
          {"freeze_depth", 2},
          {"base", {{"root_digest", std::string(64, 'b')}}},
          {"evaluation", {{"chunk_tokens", 256}}},
          {"launch_time", "2026-11-23T10:00:00.000000Z"}};
}

std::string Sign(const SigningKey& key, const nlohmann::json& charter,
                 absl::string_view type = kCharterType) {
  return SignEnvelope(key, type, charter.dump()).value();
}

TEST_CASE("A charter by the coordinator for this cooperative is read", "[contributor]") {
  const SigningKey key = SigningKey::Create().value();
  REQUIRE_OK_AND_ASSIGN(
      const Charter charter,
      VerifyCharter(Sign(key, CharterOf(key)), key.public_key(), "cooperatives/nordic"));
  CHECK(charter.base_digest == std::string(64, 'b'));
  CHECK(charter.freeze_depth == 2);
  CHECK(charter.chunk_tokens == 256);
  CHECK(charter.domains == std::vector<std::string>{"legal", "medical"});
}

TEST_CASE("A charter of anybody or anything else is refused", "[contributor]") {
  const SigningKey key = SigningKey::Create().value();
  const SigningKey other = SigningKey::Create().value();
  const PublicKey& trusted = key.public_key();
  constexpr char kName[] = "cooperatives/nordic";
  const auto denied = absl::StatusCode::kPermissionDenied;
  REQUIRE_STATUS(VerifyCharter(Sign(other, CharterOf(key)), trusted, kName), denied,
                 "KEY_MISMATCH");
  REQUIRE_STATUS(VerifyCharter(Sign(key, CharterOf(key), "text/plain"), trusted, kName),
                 absl::StatusCode::kInvalidArgument, "SIGNATURE_MALFORMED");
  REQUIRE_STATUS(VerifyCharter(Sign(key, CharterOf(other)), trusted, kName), denied,
                 "COORDINATOR_NOT_TRUSTED");
  REQUIRE_STATUS(VerifyCharter(Sign(key, CharterOf(key)), trusted, "cooperatives/southern"), denied,
                 "COORDINATOR_NOT_TRUSTED");
  for (const char* field : {"base", "evaluation", "domains", "freeze_depth", "cooperative"}) {
    nlohmann::json lacking = CharterOf(key);
    lacking.erase(field);
    INFO(field);
    CHECK_FALSE(VerifyCharter(Sign(key, lacking), trusted, kName).ok());
  }
}

TEST_CASE("A signed charter with absurd numbers is refused", "[contributor]") {
  const SigningKey key = SigningKey::Create().value();
  const auto verify = [&](const nlohmann::json& charter) {
    return VerifyCharter(Sign(key, charter), key.public_key(), "cooperatives/nordic");
  };
  for (const int64_t depth : {INT64_MIN, int64_t{-1}, limits::kFreezeDepthMax + 1, INT64_MAX}) {
    nlohmann::json charter = CharterOf(key);
    charter["freeze_depth"] = depth;
    INFO(depth);
    REQUIRE_STATUS(verify(charter), absl::StatusCode::kPermissionDenied, "COORDINATOR_NOT_TRUSTED");
  }
  for (const int64_t tokens : {INT64_MIN, int64_t{-1}, int64_t{0}, limits::kChunkTokensMin - 1,
                               limits::kChunkTokensMax + 1, INT64_MAX}) {
    nlohmann::json charter = CharterOf(key);
    charter["evaluation"]["chunk_tokens"] = tokens;
    INFO(tokens);
    REQUIRE_STATUS(verify(charter), absl::StatusCode::kPermissionDenied, "COORDINATOR_NOT_TRUSTED");
  }
}

}  // namespace
}  // namespace kalavai::contributor
