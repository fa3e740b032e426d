#include "contributor/join/charter.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/rpc/resource_name.h"

namespace kalavai::contributor {
namespace {

absl::Status Damaged(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVITATION_INVALID",
                   {.what = absl::StrCat("invitation: ", what,
                                         "; must be the whole code that the "
                                         "launcher sent"),
                    .fix = absl::StrCat("copy it again; it starts with ", kInvitationPrefix)});
}

absl::Status SplitAddress(absl::string_view address, std::string* host, int* port) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), port) || *port <= 0 || *port > 65535) {
    return Damaged("no address in it");
  }
  absl::string_view name = address.substr(0, colon);
  if (absl::ConsumePrefix(&name, "[")) absl::ConsumeSuffix(&name, "]");
  *host = std::string(name);
  return absl::OkStatus();
}

absl::Status NotTrusted(absl::string_view what) {
  return MakeError(absl::StatusCode::kPermissionDenied, "COORDINATOR_NOT_TRUSTED",
                   {.what = absl::StrCat("charter: ", what),
                    .why = "a charter binds one coordinator and one cooperative",
                    .fix = "do not go on: ask the launcher over another channel"});
}

absl::StatusOr<Charter> ParseCharter(const nlohmann::json& json) {
  Charter charter;
  ASSIGN_OR_RETURN(const int64_t version, JsonInt(json, "version"));
  if (version != 1) return NotTrusted(absl::StrCat("version ", version, "; must be 1"));
  ASSIGN_OR_RETURN(charter.cooperative, JsonString(json, "cooperative"));
  ASSIGN_OR_RETURN(charter.coordinator, JsonString(json, "coordinator"));
  ASSIGN_OR_RETURN(charter.freeze_depth, JsonInt(json, "freeze_depth"));
  ASSIGN_OR_RETURN(charter.launch_time, JsonString(json, "launch_time"));
  for (const char* field : {"base", "evaluation"}) {
    if (!json.contains(field) || !json[field].is_object()) {
      return NotTrusted(absl::StrCat(field, ": missing; must be an object"));
    }
  }
  ASSIGN_OR_RETURN(charter.base_digest, JsonString(json["base"], "root_digest"));
  ASSIGN_OR_RETURN(charter.chunk_tokens, JsonInt(json["evaluation"], "chunk_tokens"));
  // They size what this machine allocates and trains; signed does not mean sane.
  if (charter.freeze_depth < 0 || charter.freeze_depth > limits::kFreezeDepthMax) {
    return NotTrusted(absl::StrCat("freeze_depth ", charter.freeze_depth, "; must be 0 to ",
                                   limits::kFreezeDepthMax));
  }
  if (charter.chunk_tokens < limits::kChunkTokensMin ||
      charter.chunk_tokens > limits::kChunkTokensMax) {
    return NotTrusted(absl::StrCat("chunk_tokens ", charter.chunk_tokens, "; must be ",
                                   limits::kChunkTokensMin, " to ", limits::kChunkTokensMax));
  }
  if (!json.contains("domains") || !json["domains"].is_array()) {
    return NotTrusted("domains: missing; must be a list");
  }
  for (const nlohmann::json& domain : json["domains"]) {
    if (!domain.is_string()) return NotTrusted("domains: not a list of names");
    charter.domains.push_back(domain.get<std::string>());
  }
  return charter;
}

}  // namespace

std::string Invitation::EnrollAddress() const {
  const bool ipv6 = enroll_host.find(':') != std::string::npos;
  return ipv6 ? absl::StrCat("[", enroll_host, "]:", enroll_port)
              : absl::StrCat(enroll_host, ":", enroll_port);
}

absl::StatusOr<Invitation> ParseInvitation(absl::string_view code) {
  code = absl::StripAsciiWhitespace(code);
  if (!absl::ConsumePrefix(&code, kInvitationPrefix)) return Damaged("not an invitation code");
  const absl::StatusOr<std::string> text = Base64UrlDecode(code);
  if (!text.ok()) return Damaged("damaged on its way");
  const absl::StatusOr<nlohmann::json> json = ReadJson(*text);
  if (!json.ok() || !json->is_object()) return Damaged("damaged on its way");
  Invitation invitation;
  std::string enroll, authority, secret;
  for (const auto& [field, target] : {std::pair{"enroll", &enroll},
                                      {"service", &invitation.service_address},
                                      {"authority", &authority},
                                      {"cooperative", &invitation.cooperative},
                                      {"contributor", &invitation.contributor},
                                      {"secret", &secret}}) {
    absl::StatusOr<std::string> value = JsonString(*json, field);
    if (!value.ok() || value->empty()) return Damaged(absl::StrCat("no ", field, " in it"));
    *target = *std::move(value);
  }
  invitation.secret = Secret<std::string>(std::move(secret));
  RETURN_IF_ERROR(SplitAddress(enroll, &invitation.enroll_host, &invitation.enroll_port));
  if (!CheckId(invitation.cooperative, "cooperative").ok() ||
      !CheckId(invitation.contributor, "contributor").ok()) {
    return Damaged("names in it that no coordinator gives");
  }
  const absl::StatusOr<Digest> fingerprint = Digest::FromHex(authority);
  if (!fingerprint.ok()) return Damaged("no fingerprint in it");
  invitation.authority_fingerprint = *fingerprint;
  return invitation;
}

absl::StatusOr<Charter> VerifyCharter(absl::string_view envelope, const PublicKey& key,
                                      absl::string_view cooperative) {
  ASSIGN_OR_RETURN(const std::string payload, VerifyEnvelope(envelope, key, kCharterType));
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(payload));
  ASSIGN_OR_RETURN(Charter charter, ParseCharter(json));
  if (charter.coordinator != key.Hint()) {
    return NotTrusted(absl::StrCat("coordinator ", charter.coordinator, "; must be ", key.Hint()));
  }
  if (charter.cooperative != cooperative) {
    return NotTrusted(absl::StrCat("cooperative ", charter.cooperative, "; must be ", cooperative));
  }
  RETURN_IF_ERROR(Digest::FromHex(charter.base_digest).status());
  return charter;
}

}  // namespace kalavai::contributor
