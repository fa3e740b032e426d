// DSSE envelopes (secure-systems-lab/dsse v1.0.2): signed bytes with their type. Charter, receipts,
// invitations, tree heads and egress reports travel in them; OMS bundles contain one.
//
//   {"payload":"<base64>","payloadType":"<type>",
//    "signatures":[{"sig":"<base64>","keyid":"<hint>"}]}
//
// What is signed is PAE(type, payload): a signature for one type never verifies as another. There
// is no canonical JSON: parse exactly the bytes that VerifyEnvelope returns, never re-serialise
// before verifying. Pure functions; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_DSSE_H_
#define KALAVAI_COMMON_CRYPTO_DSSE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/crypto/signing_key.h"

namespace kalavai {

// "DSSEv1 <length of type> <type> <length of payload> <payload>", lengths in bytes, decimal.
std::string Pae(absl::string_view payload_type, absl::string_view payload);

// One line of JSON without a newline; keyid = the key's hint.
absl::StatusOr<std::string> SignEnvelope(const SigningKey& key, absl::string_view payload_type,
                                         absl::string_view payload);

// Returns the payload bytes, signed by `key` under `payload_type`. Errors:
//   INVALID_ARGUMENT  SIGNATURE_MALFORMED  not strict JSON or base64, unknown or missing fields,
//                                          another payload type, not exactly one signature
//   PERMISSION_DENIED KEY_MISMATCH         keyid present and not the key's hint
//   PERMISSION_DENIED SIGNATURE_INVALID    the signature is not this key's over these bytes
absl::StatusOr<std::string> VerifyEnvelope(absl::string_view json, const PublicKey& key,
                                           absl::string_view payload_type);

// An envelope read but NOT verified. Only for choosing which key to verify with.
struct UnverifiedEnvelope {
  std::string payload_type;
  std::string payload;
  std::string signature;  // DER
  std::string keyid;      // "" when absent, null or empty
};
// SIGNATURE_MALFORMED as above.
absl::StatusOr<UnverifiedEnvelope> ReadUnverifiedEnvelope(absl::string_view json);
absl::StatusOr<UnverifiedEnvelope> ReadUnverifiedEnvelopeObject(const nlohmann::json& envelope);

// The envelope as an object with the fields in the order above.
absl::StatusOr<nlohmann::ordered_json> SignEnvelopeObject(const SigningKey& key,
                                                          absl::string_view payload_type,
                                                          absl::string_view payload,
                                                          absl::string_view keyid);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_DSSE_H_
