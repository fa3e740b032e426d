// The code a launcher hands to a new member, and the secret in it.
//
//   kalavai1-<base64url of {"authority":"<sha256 hex>","contributor":…,"cooperative":…,
//                           "enroll":"host:port","secret":"<43 characters>","service":"host:port"}>
//
// The secret is 32 random bytes; the coordinator keeps only SHA-256 of its text. The code also
// carries the fingerprint of the authority, so that the member knows whom it talks to before it
// sends anything. Pure functions.
#ifndef KALAVAI_COORDINATOR_LAUNCH_INVITATION_H_
#define KALAVAI_COORDINATOR_LAUNCH_INVITATION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/base/secret.h"
#include "common/crypto/sha256.h"

namespace kalavai::coordinator {

struct InvitationCode {
  std::string enroll_address;         // host:port of the enrolment listener
  std::string service_address;        // host:port of the main listener
  std::string authority_fingerprint;  // hexadecimal SHA-256 of the CA's DER
  std::string cooperative;            // id
  std::string contributor;            // id
  Secret<std::string> secret;         // base64url
};

inline constexpr char kInvitationPrefix[] = "kalavai1-";

std::string FormatInvitationCode(const InvitationCode& code);

// 32 bytes of the system's random source, base64url.
Secret<std::string> NewInvitationSecret();

// What is stored and looked up.
Digest InvitationSecretDigest(absl::string_view secret);

// PERMISSION_DENIED, reason INVITATION_INVALID: one text for unknown, used and expired.
absl::Status InvitationInvalid();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_INVITATION_H_
