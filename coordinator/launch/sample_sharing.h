// A member shares a sample of its text as probe text of its own domain (design §3.1): explicitly,
// once, where the domain has no probe text, and never text it trained on.
//
// The charter fixes the probe text that the launcher chose; a sample stands only where that has
// none, so nothing that members agreed on is replaced. Who shares is decided by the certificate,
// the domain by the invitation. The row goes with its log leaf, SHARE_SAMPLE, in one transaction.
// When the member leaves its sample is deleted (coordinator/withdrawal).
//
// Errors: PERMISSION_DENIED (not an active member of this cooperative); FAILED_PRECONDITION
// PHASE_MISMATCH unless ACTIVE; INVALID_ARGUMENT FIELD_INVALID (another domain, a public class, a
// format other than jsonl), those of SplitProbeText; TOO_LITTLE_TEXT (BuildProbeText's) when the
// base's tokenizer makes too few chunks of it; ALREADY_EXISTS PROBE_TEXT_EXISTS;
// FAILED_PRECONDITION PROBE_TEXT_IS_TRAINING_TEXT (metadata `domain`, `documents`) when a document
// is among those that this member reported as trained on. What others trained on is not compared
// here: an answer would tell one member what another has. A fusion compares everybody's.
// Thread-safe.
#ifndef KALAVAI_COORDINATOR_LAUNCH_SAMPLE_SHARING_H_
#define KALAVAI_COORDINATOR_LAUNCH_SAMPLE_SHARING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/base/clock.h"
#include "common/corpus/documents.h"
#include "common/probe/registered_text.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/caller_identity.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/launch/later_phases.h"
#include "kalavai/v1/cooperative.pb.h"

namespace kalavai::coordinator {

// Where the bytes of registered texts lie.
std::vector<RegisteredText> TextFiles(const BlobStore& blobs,
                                      const std::vector<ProbeTextRow>& rows);

class SampleSharing {
 public:
  using Header = v1::AddProbeTextRequest::Header;
  // Everything is borrowed and outlives the object.
  struct Parts {
    Database& database;
    BlobStore& blobs;
    CooperativeStore& cooperatives;
    Audit& audit;
    const LaterPhases& later;
    const Clock& clock;
  };
  explicit SampleSharing(const Parts& parts) : parts_(parts) {}

  // Whether this caller may share this, as far as the header tells. The row is filled in as far.
  absl::StatusOr<ProbeTextRow> Check(const Header& header, const Caller& caller) const;
  // Verified bytes: stores blob, row and leaf.
  absl::StatusOr<ProbeTextRow> Store(const Header& header, const std::string& text,
                                     const Caller& caller) const;

 private:
  absl::Status CheckLength(const ProbeTextRow& row, const DocumentSplit& split) const;

  const Parts parts_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_SAMPLE_SHARING_H_
