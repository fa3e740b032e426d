// The charter: what the members of a cooperative agree on, fixed and signed at the launch.
//
// Canonical JSON (no white space, keys sorted bytewise) inside a DSSE envelope by the coordinator's
// signing key, type kCharterType:
//
//   {"base":{"root_digest":hex,"tokenizer_sha256":hex},"cooperative":"cooperatives/c",
//    "coordinator":hint of the signing key,"domains":[…],
//    "evaluation":{"chunk_tokens":256,"weighting":"equal per domain"},
//    "freeze_depth":0,"launch_time":"…Z",
//    "probe_texts":[{"domain":…,"public_class":false,"sha256":hex}],
//    "submission":{"fine_tuning":"full","frozen":"bit-equal","quarantine":[…]},"version":1}
//
// Members verify it with the public key from their enrolment. Pure functions.
#ifndef KALAVAI_COORDINATOR_LAUNCH_CHARTER_H_
#define KALAVAI_COORDINATOR_LAUNCH_CHARTER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"
#include "coordinator/launch/cooperative_store.h"

namespace kalavai::coordinator {

inline constexpr char kCharterType[] = "application/vnd.kalavai.charter.v1+json";

struct Charter {
  CooperativeRow cooperative;
  std::string coordinator_id;
  Digest base_root_digest;
  Digest tokenizer_digest;  // of the base's tokenizer.json
  std::vector<ProbeTextRow> probe_texts;
  absl::Time launch_time;
};

std::string FormatCharter(const Charter& charter);

// INVALID_ARGUMENT DOMAIN_UNKNOWN, with the domains that there are.
absl::Status DomainUnknown(absl::string_view domain, const CooperativeRow& cooperative);

// The signed envelope, one line of JSON.
absl::StatusOr<std::string> SignCharter(const Charter& charter, const SigningKey& key);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_CHARTER_H_
