// Which rows of which phase name a blob: the one place that knows them all, so that nothing that is
// named is ever collected, and the verifier finds everything that must be there.
//
//   probe_texts, checkpoint_files     always
//   shared_samples                    until the member leaves
//   submission_files                  what has arrived (held), until the member leaves; of a
//                                     REJECTED submission the files kept as evidence. A declaration
//                                     alone names nothing: else whoever declares another member's
//                                     digest would keep its bytes here when it leaves
//
// A folder of a later phase that stores blobs adds its table here. Whoever writes a row that names
// a blob looks in the same transaction whether the blob is still there (BlobStore::Size), because
// the collector may have been faster. Reads only; joins the caller's Database::Transact. Errors:
// those of Database. Any thread.
#ifndef KALAVAI_COORDINATOR_BLOB_REFERENCE_STORE_H_
#define KALAVAI_COORDINATOR_BLOB_REFERENCE_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/crypto/sha256.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

// A row whose blob is in the store.
struct BlobReference {
  std::string row;  // "cooperatives/nordic/submissions/ann-1 model.safetensors": for messages
  int64_t size_bytes = 0;
  Digest digest;
};

class BlobReferenceStore {
 public:
  explicit BlobReferenceStore(Database& database) : database_(database) {}

  // Whether any row names this blob.
  absl::StatusOr<bool> IsNamed(const Digest& digest) const;
  // All digests of which that is so, sorted, each once.
  absl::StatusOr<std::vector<Digest>> ListNamed() const;
  // Every row whose blob must be there, by phase.
  absl::StatusOr<std::vector<BlobReference>> ListStored() const;
  // Digests that rejected and withdrawn submissions named and no longer keep, and of samples of
  // members that have left, sorted, each once.
  // Another row may name the same.
  absl::StatusOr<std::vector<Digest>> ListReleased() const;
  // The staging files of all uploads on record, sorted.
  absl::StatusOr<std::vector<std::string>> ListStagingIds() const;

 private:
  absl::StatusOr<std::vector<Digest>> ListDigests(absl::string_view sql) const;

  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_BLOB_REFERENCE_STORE_H_
