#include "common/crypto/dsse.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "SIGNATURE_MALFORMED",
                   {.what = absl::StrCat("envelope: ", what),
                    .why = "a signed object with two readings cannot be trusted",
                    .fix = "sign again with this version of the program"});
}

// Refuses every key of `object` that is not in `allowed`.
template <size_t N>
absl::Status OnlyKeys(const nlohmann::json& object, const std::array<const char*, N>& allowed,
                      absl::string_view where) {
  if (!object.is_object()) return Malformed(absl::StrCat(where, ": must be an object"));
  for (const auto& [key, value] : object.items()) {
    bool known = false;
    for (const char* name : allowed) known = known || key == name;
    if (!known) return Malformed(absl::StrCat(where, ": unknown field '", key.substr(0, 80), "'"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Base64Field(const nlohmann::json& object, const char* field) {
  const auto text = JsonString(object, field);
  if (!text.ok()) return Malformed(text.status().message());
  auto bytes = Base64Decode(*text);
  if (!bytes.ok()) return Malformed(absl::StrCat("field '", field, "': must be strict base64"));
  return bytes;
}

}  // namespace

std::string Pae(absl::string_view payload_type, absl::string_view payload) {
  return absl::StrCat("DSSEv1 ", payload_type.size(), " ", payload_type, " ", payload.size(), " ",
                      payload);
}

absl::StatusOr<nlohmann::ordered_json> SignEnvelopeObject(const SigningKey& key,
                                                          absl::string_view payload_type,
                                                          absl::string_view payload,
                                                          absl::string_view keyid) {
  ASSIGN_OR_RETURN(const std::string signature, key.Sign(Pae(payload_type, payload)));
  nlohmann::ordered_json entry;
  entry["sig"] = Base64Encode(signature);
  entry["keyid"] = std::string(keyid);
  nlohmann::ordered_json envelope;
  envelope["payload"] = Base64Encode(payload);
  envelope["payloadType"] = std::string(payload_type);
  envelope["signatures"] = nlohmann::ordered_json::array({std::move(entry)});
  return envelope;
}

absl::StatusOr<std::string> SignEnvelope(const SigningKey& key, absl::string_view payload_type,
                                         absl::string_view payload) {
  ASSIGN_OR_RETURN(const nlohmann::ordered_json envelope,
                   SignEnvelopeObject(key, payload_type, payload, key.public_key().Hint()));
  return envelope.dump();
}

absl::StatusOr<UnverifiedEnvelope> ReadUnverifiedEnvelopeObject(const nlohmann::json& envelope) {
  RETURN_IF_ERROR(OnlyKeys(
      envelope, std::array<const char*, 3>{"payload", "payloadType", "signatures"}, "envelope"));
  UnverifiedEnvelope result;
  ASSIGN_OR_RETURN(result.payload, Base64Field(envelope, "payload"));
  const auto type = JsonString(envelope, "payloadType");
  if (!type.ok()) return Malformed(type.status().message());
  result.payload_type = *type;
  const auto signatures = envelope.find("signatures");
  if (signatures == envelope.end() || !signatures->is_array() || signatures->size() != 1) {
    return Malformed("field 'signatures': must have exactly one element");
  }
  const nlohmann::json& entry = signatures->front();
  RETURN_IF_ERROR(OnlyKeys(entry, std::array<const char*, 2>{"sig", "keyid"}, "signatures[0]"));
  ASSIGN_OR_RETURN(result.signature, Base64Field(entry, "sig"));
  const auto keyid = entry.find("keyid");
  if (keyid != entry.end() && !keyid->is_null()) {
    if (!keyid->is_string()) return Malformed("field 'keyid': must be a string");
    result.keyid = keyid->get<std::string>();
  }
  return result;
}

absl::StatusOr<UnverifiedEnvelope> ReadUnverifiedEnvelope(absl::string_view json) {
  const auto envelope = ReadJson(json, {.bytes_max = limits::kModelSignatureBytesMax});
  if (!envelope.ok()) return Malformed(envelope.status().message());
  return ReadUnverifiedEnvelopeObject(*envelope);
}

absl::StatusOr<std::string> VerifyEnvelope(absl::string_view json, const PublicKey& key,
                                           absl::string_view payload_type) {
  ASSIGN_OR_RETURN(UnverifiedEnvelope envelope, ReadUnverifiedEnvelope(json));
  if (envelope.payload_type != payload_type) {
    return Malformed(absl::StrCat("payload type: '", envelope.payload_type.substr(0, 80),
                                  "' found; must be '", payload_type, "'"));
  }
  const std::string hint = key.Hint();
  if (!envelope.keyid.empty() && envelope.keyid != hint) {
    return MakeError(absl::StatusCode::kPermissionDenied, "KEY_MISMATCH",
                     {.what = absl::StrCat("envelope: keyid '", envelope.keyid.substr(0, 80),
                                           "' found; must be '", hint, "'"),
                      .why = "it was signed with another key than the one expected of this signer",
                      .fix = "sign with the enrolled key",
                      .metadata = {{"expected", hint}, {"actual", envelope.keyid.substr(0, 80)}}});
  }
  RETURN_IF_ERROR(key.Verify(Pae(payload_type, envelope.payload), envelope.signature));
  return std::move(envelope.payload);
}

}  // namespace kalavai
