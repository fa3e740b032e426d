// What a member reads from an invitation and from a charter. The forms are the coordinator's
// (coordinator/launch/invitation.h, coordinator/launch/charter.h): an invitation is "kalavai1-" and
// base64url of a JSON object; a charter is canonical JSON in a DSSE envelope by the coordinator's
// signing key. Pure functions.
#ifndef KALAVAI_CONTRIBUTOR_JOIN_CHARTER_H_
#define KALAVAI_CONTRIBUTOR_JOIN_CHARTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/base/secret.h"
#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"

namespace kalavai::contributor {

inline constexpr char kInvitationPrefix[] = "kalavai1-";
inline constexpr char kCharterType[] = "application/vnd.kalavai.charter.v1+json";

struct Invitation {
  std::string enroll_host;
  int enroll_port = 0;
  std::string service_address;  // host:port
  Digest authority_fingerprint;
  std::string cooperative;  // id
  std::string contributor;  // id
  Secret<std::string> secret;

  std::string EnrollAddress() const;
};

// INVALID_ARGUMENT INVITATION_INVALID: not an invitation code, or a damaged one.
absl::StatusOr<Invitation> ParseInvitation(absl::string_view code);

struct Charter {
  std::string cooperative;  // cooperatives/{c}
  std::string coordinator;  // hint of the key that signed it
  std::string base_digest;  // 64 hex digits
  std::vector<std::string> domains;
  int64_t freeze_depth = 0;
  int64_t chunk_tokens = 0;
  std::string launch_time;
};

// Verified: signed by `key`, naming `key` as the coordinator and `cooperative` as its subject.
// Errors of VerifyEnvelope; JSON_INVALID; PERMISSION_DENIED COORDINATOR_NOT_TRUSTED for a charter
// of another coordinator or cooperative.
absl::StatusOr<Charter> VerifyCharter(absl::string_view envelope, const PublicKey& key,
                                      absl::string_view cooperative);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_JOIN_CHARTER_H_
