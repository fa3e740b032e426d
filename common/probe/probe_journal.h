// A probe pass under way: what is done of it, in a file, so that a pass that is killed goes on
// where it was.
//
//   ASSIGN_OR_RETURN(ProbeJournal journal, ProbeJournal::Open(path, key, shape));
//   … journal.chunk_count() chunks are done: journal.TakeLogProbs(), journal.TakeFeatures() …
//   RETURN_IF_ERROR(journal.Append(log_probs, features));
//
// One block a batch of chunks, appended as it comes; each ends with a SHA-256 over the file's head,
// all blocks before and itself. Open keeps the blocks up to the first that is cut off or damaged
// and cuts the rest away; a file of another key or shape is begun anew. Nothing is synced: after a
// loss of power some blocks are computed again. The finished cache is another file (probe_cache.h);
// docs/formats/probe_cache.md has the bytes of this one.
//
// Errors: those of ErrnoError (IO_ERROR, DISK_FULL). Movable; one thread at a time.
#ifndef KALAVAI_COMMON_PROBE_PROBE_JOURNAL_H_
#define KALAVAI_COMMON_PROBE_PROBE_JOURNAL_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/crypto/sha256.h"
#include "common/probe/probe_cache.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {

class ProbeJournal {
 public:
  struct Shape {
    int64_t chunks = 0;         // of the whole pass
    int64_t chunk_tokens = 0;   // T
    int64_t feature_width = 0;  // D; 0 without features
    int64_t feature_depth = 0;  // which layer's (probe_pass.h); meaningless without
    int64_t batch = 0;          // chunks of a block, of the last one as many as are left
  };

  static absl::StatusOr<ProbeJournal> Open(const std::string& path, const ProbeCacheKey& key,
                                           const Shape& shape);

  // Adds a block of the next chunks, as many as `log_probs` [chunks][T − 1] has; features
  // [chunks][T][D]. Blocks must be whole batches but for the last.
  absl::Status Append(std::span<const float> log_probs, std::span<const float> features);

  int64_t chunk_count() const { return chunk_count_; }
  // Of the blocks that Open found, given away: what is appended after is the caller's already.
  std::vector<float> TakeLogProbs() { return std::move(log_probs_); }
  std::vector<float> TakeFeatures() { return std::move(features_); }

 private:
  ProbeJournal(FileDescriptor file, std::string path, const Shape& shape)
      : file_(std::move(file)), path_(std::move(path)), shape_(shape) {}

  absl::Status ReadBlocks(const std::string& head);
  int64_t NextBlockChunks() const;

  FileDescriptor file_;
  std::string path_;
  Shape shape_;
  Digest chain_;  // of the head, then of the last block
  int64_t chunk_count_ = 0;
  std::vector<float> log_probs_;
  std::vector<float> features_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_PROBE_JOURNAL_H_
