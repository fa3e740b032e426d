#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/crypto/dsse.h"
#include "common/rpc/resource_name.h"
#include "contributor/join/charter.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {

void FuzzCharter(absl::string_view input) {
  static const SigningKey& key = *new SigningKey(SigningKey::Create().value());
  const std::string text = absl::StrReplaceAll(input, {{"@HINT@", key.public_key().Hint()}});
  const auto envelope = SignEnvelope(key, contributor::kCharterType, text);
  KALAVAI_CHECK(envelope.ok(), "any bytes can be signed");
  const auto charter = contributor::VerifyCharter(*envelope, key.public_key(), "cooperatives/c");
  if (!charter.ok()) {
    KALAVAI_CHECK(!GetErrorReason(charter.status()).empty(), "a refusal has its reason");
    return;
  }
  KALAVAI_CHECK(charter->coordinator == key.public_key().Hint(), "it binds its signer");
  KALAVAI_CHECK(charter->cooperative == "cooperatives/c", "it binds its cooperative");
  KALAVAI_CHECK(Digest::FromHex(charter->base_digest).ok(), "its base is a digest");
  KALAVAI_CHECK(charter->freeze_depth >= 0 && charter->freeze_depth <= limits::kFreezeDepthMax &&
                    charter->chunk_tokens >= limits::kChunkTokensMin &&
                    charter->chunk_tokens <= limits::kChunkTokensMax,
                "its numbers are in range");
}

void FuzzInvitation(absl::string_view input) {
  const std::string code =
      absl::StartsWith(input, "{")
          ? absl::StrCat(contributor::kInvitationPrefix, Base64UrlEncode(input))
          : std::string(input);
  const auto invitation = contributor::ParseInvitation(code);
  if (!invitation.ok()) {
    KALAVAI_CHECK(GetErrorReason(invitation.status()) == "INVITATION_INVALID",
                  "a refusal has its reason");
    return;
  }
  KALAVAI_CHECK(CheckId(invitation->cooperative, "cooperative").ok() &&
                    CheckId(invitation->contributor, "contributor").ok(),
                "its names are ids");
  KALAVAI_CHECK(invitation->enroll_port > 0 && invitation->enroll_port <= 65535, "a port");
  const nlohmann::json same = {{"enroll", invitation->EnrollAddress()},
                               {"service", invitation->service_address},
                               {"authority", invitation->authority_fingerprint.Hex()},
                               {"cooperative", invitation->cooperative},
                               {"contributor", invitation->contributor},
                               {"secret", invitation->secret.Reveal()}};
  const auto again = contributor::ParseInvitation(
      absl::StrCat(contributor::kInvitationPrefix, Base64UrlEncode(same.dump())));
  KALAVAI_CHECK(again.ok() && again->EnrollAddress() == invitation->EnrollAddress() &&
                    again->secret.Reveal() == invitation->secret.Reveal(),
                "written and read again it is the same");
}

}  // namespace kalavai::fuzz
