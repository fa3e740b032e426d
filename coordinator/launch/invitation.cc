#include "coordinator/launch/invitation.h"

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include <sys/random.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hex.h"

namespace kalavai::coordinator {

std::string FormatInvitationCode(const InvitationCode& code) {
  const nlohmann::json object = {
      {"enroll", code.enroll_address},           {"service", code.service_address},
      {"authority", code.authority_fingerprint}, {"cooperative", code.cooperative},
      {"contributor", code.contributor},         {"secret", code.secret.Reveal()}};
  return absl::StrCat(kInvitationPrefix, Base64UrlEncode(object.dump()));
}

Secret<std::string> NewInvitationSecret() {
  std::array<char, 32> bytes = {};
  ssize_t got = -1;
  do {
    got = getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  KALAVAI_CHECK(got == static_cast<ssize_t>(bytes.size()),
                "getrandom(2) gives up to 256 bytes whole once the system has started");
  Secret<std::string> secret(Base64UrlEncode(absl::string_view(bytes.data(), bytes.size())));
  Wipe(bytes);
  return secret;
}

Digest InvitationSecretDigest(absl::string_view secret) { return Sha256Of(secret); }

absl::Status InvitationInvalid() {
  return MakeError(absl::StatusCode::kPermissionDenied, "INVITATION_INVALID",
                   {.what = "invitation: unknown, used or expired; must be an unused one of the "
                            "last 24 hours",
                    .why = "an invitation makes exactly one member",
                    .fix = "ask the launcher for a new one"});
}

}  // namespace kalavai::coordinator
