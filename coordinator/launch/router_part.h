// The router part of the launcher's probe texts, for members who measure models on it at home
// before anything is uploaded (common/forecast/rows.h).
//
// Members may read what the launcher made public, and of that only the half that fits the gate: the
// evaluation half judges the fusion and stays unseen, and a sample that a member shared was
// promised to the launcher alone. Documents go as JSON lines with the field "text", ascending by
// digest, so that a reader who needs few chunks gets those that the probe pass would take.
//
// Errors: PERMISSION_DENIED (not an active member of this cooperative); FAILED_PRECONDITION
// PHASE_MISMATCH unless ACTIVE, PROBE_TEXT_PRIVATE (metadata `domain`); NOT_FOUND
// PROBE_TEXT_NOT_FOUND (metadata `domain`); those of the blob store. Thread-safe.
#ifndef KALAVAI_COORDINATOR_LAUNCH_ROUTER_PART_H_
#define KALAVAI_COORDINATOR_LAUNCH_ROUTER_PART_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/storage/blob_store.h"
#include "coordinator/caller_identity.h"
#include "coordinator/launch/cooperative_store.h"
#include "kalavai/v1/cooperative.pb.h"

namespace kalavai::coordinator {

// The first documents of the router part, as many as fit `bytes_max` of lines. `bytes` is a
// registered text of `domain` in `format`. Errors: those of SplitProbeText. Pure.
absl::StatusOr<std::string> RouterPartLines(absl::string_view bytes, absl::string_view domain,
                                            absl::string_view format, int64_t bytes_max);

class RouterParts {
 public:
  // Borrowed; outlive the object.
  RouterParts(const BlobStore& blobs, const CooperativeStore& cooperatives)
      : blobs_(blobs), cooperatives_(cooperatives) {}

  // Whether this caller may read this. Short.
  absl::StatusOr<ProbeTextRow> Check(const v1::ReadProbeTextRequest& request,
                                     const Caller& caller) const;
  // The lines of a text that Check gave. Parses all of it, up to half a second: for a worker. Who
  // reads the same text at once shares one copy.
  absl::StatusOr<std::shared_ptr<const std::string>> Read(const ProbeTextRow& text);

 private:
  const BlobStore& blobs_;
  const CooperativeStore& cooperatives_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const std::string>>
      lines_;  // by the text's digest and format
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_ROUTER_PART_H_
