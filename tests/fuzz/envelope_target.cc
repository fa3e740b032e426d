#include <string>

#include "nlohmann/json.hpp"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/crypto/dsse.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {

void FuzzEnvelope(absl::string_view input) {
  static const SigningKey& key = *new SigningKey(SigningKey::Create().value());
  const auto envelope = ReadUnverifiedEnvelope(input);
  if (!envelope.ok()) {
    KALAVAI_CHECK(GetErrorReason(envelope.status()) == "SIGNATURE_MALFORMED",
                  "a refusal has its reason");
    return;
  }
  KALAVAI_CHECK(!VerifyEnvelope(input, key.public_key(), envelope->payload_type).ok(),
                "a fresh key has signed nothing");
  const nlohmann::json entry = {{"sig", Base64Encode(envelope->signature)},
                                {"keyid", envelope->keyid}};
  const nlohmann::json same = {{"payload", Base64Encode(envelope->payload)},
                               {"payloadType", envelope->payload_type},
                               {"signatures", {entry}}};
  const auto again = ReadUnverifiedEnvelope(same.dump());
  KALAVAI_CHECK(again.ok() && again->payload == envelope->payload &&
                    again->payload_type == envelope->payload_type &&
                    again->signature == envelope->signature && again->keyid == envelope->keyid,
                "written and read again it is the same");
  const auto ours = SignEnvelope(key, envelope->payload_type, envelope->payload);
  KALAVAI_CHECK(ours.ok(), "any type and payload can be signed");
  const auto verified = VerifyEnvelope(*ours, key.public_key(), envelope->payload_type);
  KALAVAI_CHECK(verified.ok() && *verified == envelope->payload, "and verifies");
}

}  // namespace kalavai::fuzz
