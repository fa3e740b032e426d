// Goal: an envelope verifies with its key, under its type, in one spelling only.
// Method: the worked example of the DSSE protocol for the PAE; correctly signed envelopes changed
// in one place each.
#include "common/crypto/dsse.h"

#include <functional>
#include <string>

#include "common/base/hex.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using Json = nlohmann::json;

constexpr char kType[] = "application/vnd.kalavai.receipt+json";

TEST_CASE("The encoding to be signed is that of the protocol", "[crypto]") {
  CHECK(Pae("http://example.com/HelloWorld", "hello world") ==
        "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  CHECK(Pae("", "") == "DSSEv1 0  0 ");
  CHECK(Pae("é", std::string("\0", 1)) == std::string("DSSEv1 2 é 1 \0", 15));
}

TEST_CASE("What was signed comes back byte for byte", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  for (const std::string& payload : {std::string("{}"), std::string(), std::string("\0\xff", 2)}) {
    REQUIRE_OK_AND_ASSIGN(const std::string json, SignEnvelope(key, kType, payload));
    CHECK(VerifyEnvelope(json, key.public_key(), kType).value() == payload);
    REQUIRE_OK_AND_ASSIGN(const UnverifiedEnvelope read, ReadUnverifiedEnvelope(json));
    CHECK(read.payload == payload);
    CHECK(read.payload_type == kType);
    CHECK(read.keyid == key.public_key().Hint());
  }
}

TEST_CASE("Another key, type or payload is refused with its own reason", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const SigningKey other, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string json, SignEnvelope(key, kType, "{}"));
  REQUIRE_STATUS(VerifyEnvelope(json, other.public_key(), kType), StatusCode::kPermissionDenied,
                 "KEY_MISMATCH");
  REQUIRE_STATUS(VerifyEnvelope(json, key.public_key(), "other"), StatusCode::kInvalidArgument,
                 "SIGNATURE_MALFORMED");
  Json changed = Json::parse(json);
  changed["payload"] = Base64Encode("[]");
  REQUIRE_STATUS(VerifyEnvelope(changed.dump(), key.public_key(), kType),
                 StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
  // The type is signed, too: relabelling does not help.
  changed = Json::parse(json);
  changed["payloadType"] = "other";
  REQUIRE_STATUS(VerifyEnvelope(changed.dump(), key.public_key(), "other"),
                 StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
  // Without a keyid only the signature decides.
  changed = Json::parse(json);
  changed["signatures"][0].erase("keyid");
  REQUIRE_OK(VerifyEnvelope(changed.dump(), key.public_key(), kType));
  REQUIRE_STATUS(VerifyEnvelope(changed.dump(), other.public_key(), kType),
                 StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
}

TEST_CASE("A second spelling of a good envelope is refused", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string json, SignEnvelope(key, kType, "{} "));
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& e) { e["extra"] = 1; },
      [](Json& e) { e["signatures"][0]["extra"] = 1; },
      [](Json& e) { e["signatures"].push_back(e["signatures"][0]); },
      [](Json& e) { e["signatures"] = Json::array(); },
      [](Json& e) { e["signatures"] = e["signatures"][0]; },
      [](Json& e) { e["signatures"][0] = 1; },
      [](Json& e) { e["signatures"][0]["keyid"] = 1; },
      [](Json& e) { e["signatures"][0].erase("sig"); },
      [](Json& e) { e["signatures"][0]["sig"] = "-_"; },
      [](Json& e) { e["payload"] = e["payload"].get<std::string>() + "\n"; },
      [](Json& e) { e["payload"] = " " + e["payload"].get<std::string>(); },
      [](Json& e) { e["payload"] = 1; },
      [](Json& e) { e.erase("payload"); },
      [](Json& e) { e.erase("payloadType"); },
      [](Json& e) { e["payloadType"] = nullptr; },
      [](Json& e) { e = Json::array({e}); }};
  for (size_t i = 0; i < changes.size(); ++i) {
    INFO("change " << i);
    Json envelope = Json::parse(json);
    changes[i](envelope);
    REQUIRE_STATUS(VerifyEnvelope(envelope.dump(), key.public_key(), kType),
                   StatusCode::kInvalidArgument, "SIGNATURE_MALFORMED");
  }
  const std::string duplicate = "{\"payloadType\":\"x\"," + json.substr(1);
  for (const std::string& text : {duplicate, json + "x", json.substr(1), std::string()}) {
    REQUIRE_STATUS(VerifyEnvelope(text, key.public_key(), kType), StatusCode::kInvalidArgument,
                   "SIGNATURE_MALFORMED");
  }
}

}  // namespace
}  // namespace kalavai
