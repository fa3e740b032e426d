// Admission: may this specialist be fused? An ordered list of checks, each with a verdict and a
// reason (design §6, docs/formats/submission.md).
//
//   ASSIGN_OR_RETURN(const AdmissionOutcome outcome, Admit(candidate));
//
//   check       what must hold                                           otherwise
//   files       every required file, no other than the allowed names     REJECTED
//   signature   model.sig by the enrolled key lists exactly these bytes  REJECTED
//   binding     submission.json names this coordinator, cooperative,     REJECTED
//               contributor, nonce and base
//   config      config.json says what the base's says                    REJECTED
//   tokenizer   tokenizer.json is the base's, byte for byte              REJECTED
//   format      model.safetensors is a safetensors file as uploads must be   REJECTED
//   shapes      the base's tensors, in its shapes and dtypes             REJECTED
//   reports     divergence.json and privacy.json are complete            REJECTED
//   frozen      the frozen tensors are the base's, bit for bit           QUARANTINED
//   finite      no NaN, no infinity                                      QUARANTINED
//   lineage     what was trained is still near the base                  QUARANTINED
//   copy        the weights are nobody else's and not the base's         QUARANTINED
//   divergence  better than the base on its own held-out text            QUARANTINED
//
// A failed check that rejects ends the list: nothing after it can be trusted to mean anything. One
// that quarantines does not, so that an administrator sees all of them. What can never be fused is
// rejected; what could be fused and should not be is quarantined.
//
// Pure besides reading the files named by the candidate, once each and a second time for weights;
// about a second for 100 MB. Any thread.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_ADMISSION_H_
#define KALAVAI_COORDINATOR_SUBMISSION_ADMISSION_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

// A file whose bytes are at `location` and have `digest` (a blob of the store).
struct CandidateFile {
  std::string path;  // the flat name in the directory
  Digest digest;
  int64_t size_bytes = 0;
  std::string location;
};

struct AdmissionCandidate {
  std::string coordinator_key_hint;  // hint of the coordinator's signing key: its identity
  std::string cooperative;           // cooperatives/{c}
  std::string contributor;           // cooperatives/{c}/contributors/{contributor}
  std::string domain;
  std::string nonce;
  Digest base_digest;        // OMS root digest of the canonical base
  int64_t freeze_depth = 0;  // of the charter
  int64_t chunk_tokens = 0;  // likewise
  PublicKey signing_key;     // enrolled for the authenticated contributor, never one a file names
  std::vector<CandidateFile> files;
  std::vector<CandidateFile> base_files;
  // The name of another submission with exactly these weights, if there is one.
  std::function<absl::StatusOr<std::optional<std::string>>(const Digest& weights)> find_copy;
};

struct AdmissionOutcome {
  SubmissionState state = SubmissionState::kRejected;  // kAdmitted, kQuarantined or kRejected
  std::vector<CheckResult> checks;                     // those that ran, in order
  std::optional<Digest> root_digest;                   // once the signature holds
  std::optional<Digest> weights_digest;                // once the shapes are right
  std::optional<double> divergence_percent;            // once the report is readable

  // The reason of the first failed check, "" when all passed.
  std::string Reason() const;
};

// Runs the checks. An error is ours (a blob that is gone, a disk that fails: INTERNAL, UNAVAILABLE,
// DATA_LOSS, RESOURCE_EXHAUSTED), never a verdict on the submission: try again.
absl::StatusOr<AdmissionOutcome> Admit(const AdmissionCandidate& candidate);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_ADMISSION_H_
