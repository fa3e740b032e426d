// Deletes blobs that no row names any more, so that the disk holds what the record speaks of.
//
//   RETURN_IF_ERROR(collector.CollectAll(now).status());        // once, before anything is served
//   … a transaction lets go of rows …
//   RETURN_IF_ERROR(collector.Collect(digests).status());       // afterwards, never inside it
//
// The row goes first, the blob second: a crash between the two leaves a blob without a row, which
// the next start collects. "No row names it" and the deletion are one transaction, so that no row
// can come in between; whoever adds a row looks for its blob inside its own transaction.
//
// Errors: those of Database and of the file system. Any thread.
#ifndef KALAVAI_COORDINATOR_BLOB_COLLECTOR_H_
#define KALAVAI_COORDINATOR_BLOB_COLLECTOR_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/storage/blob_store.h"
#include "common/storage/sqlite.h"

namespace kalavai::coordinator {

struct Collected {
  int64_t files = 0;
  int64_t bytes = 0;
};

class BlobCollector {
 public:
  BlobCollector(Database& database, const BlobStore& blobs) : database_(database), blobs_(blobs) {}

  // Those of `digests` that are there and that no row names. Not within Transact.
  absl::StatusOr<Collected> Collect(std::span<const Digest> digests) const;

  // Those that rejected and withdrawn submissions let go of. Not within Transact.
  absl::StatusOr<Collected> CollectReleased() const;

  // Staging files that belong to no upload: the row of an upload is older than its file. Not within
  // Transact.
  absl::StatusOr<Collected> CollectStaging() const;

  // For a server that holds the data directory and serves nobody yet: blobs without a row that are
  // limits::kUnnamedBlobSeconds old or were let go of by a rejection or a withdrawal, and staging
  // files that belong to no upload.
  absl::StatusOr<Collected> CollectAll(absl::Time now) const;

 private:
  absl::Status Remove(const Digest& digest, Collected& collected) const;
  absl::Status RemoveStaging(Collected& collected) const;

  Database& database_;
  const BlobStore& blobs_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_BLOB_COLLECTOR_H_
