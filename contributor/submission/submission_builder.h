// From a trained specialist to the flat signed directory that is submitted
// (docs/formats/submission.md): weights and config.json of the specialist, tokenizer.json of the
// base, submission.json that binds coordinator, cooperative, member, nonce and base,
// divergence.json, privacy.json, and model.sig over all of them.
//
//   ASSIGN_OR_RETURN(const BuiltSubmission built, BuildSubmission(workspace, ticket));
//
// The directory appears whole, by one rename, and replaces an earlier one. Weights are linked, not
// copied, where the file system can. Errors: NOT_TRAINED (nothing trained, or a pilot only),
// CHECKPOINT_NOT_FETCHED, CHECKPOINT_INVALID (weights in shards), KEY_FILE_MODE, and those of the
// files. One thread.
#ifndef KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMISSION_BUILDER_H_
#define KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMISSION_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/crypto/sha256.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

struct SubmissionTicket {
  Membership membership;
  std::string coordinator_key_hint;
  std::string nonce;  // of CreateSubmission, 64 hex digits
  // FormatDocumentList of what was trained on; "": the member reports none.
  std::string training_documents = {};
};

struct BuiltFile {
  std::string path;  // flat name
  int64_t size_bytes = 0;
  Digest digest;
};

struct BuiltSubmission {
  std::string directory;
  Digest root_digest;            // OMS
  std::vector<BuiltFile> files;  // sorted by name, model.sig among them
  double divergence_percent = 0;

  int64_t TotalBytes() const;
};

// Builds into workspace.SubmissionDirectory().
absl::StatusOr<BuiltSubmission> BuildSubmission(const Workspace& workspace,
                                                const SubmissionTicket& ticket);

// The texts of the three reports, as they are signed; pure.
std::string FormatSubmissionJson(const SubmissionTicket& ticket, const TrainingReport& report);
std::string FormatDivergenceJson(const Membership& membership, const TrainingReport& report);
// What `audit` measured (training/privacy.json), or the plain statement that nothing was measured.
absl::StatusOr<std::string> PrivacyJson(const Workspace& workspace);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_SUBMISSION_SUBMISSION_BUILDER_H_
