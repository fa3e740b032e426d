// Files named by their content: ROOT/sha256/ab/<64 hex digits>, immutable (mode 0444), and
// ROOT/staging/<id> for what is still arriving, on the same file system, so that a finished upload
// becomes a blob by one rename.
//
//   ASSIGN_OR_RETURN(StagedBlob staged, store.OpenStaging(upload_id));   // after a restart, too
//   RETURN_IF_ERROR(staged.Append(offset, chunk));                       // offset == staged.size()
//   RETURN_IF_ERROR(staged.Sync());                                      // at least every 64 MiB
//   RETURN_IF_ERROR(staged.Commit(expected));                            // re-hashed from disk
//
// Order of durable effects: blob first, database row second. A crash between the two leaves an
// unreferenced blob, never a row without a blob. A file is visible under its digest only when its
// bytes have that digest and are on disk.
// BlobStore: any thread. StagedBlob: one thread at a time, and one object an id (the caller's
// upload session sees to that).
#ifndef KALAVAI_COMMON_STORAGE_BLOB_STORE_H_
#define KALAVAI_COMMON_STORAGE_BLOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/base/limits.h"
#include "common/crypto/sha256.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {

struct BlobStoreOptions {
  // Every write leaves at least this much free; RESOURCE_EXHAUSTED DISK_FULL otherwise.
  int64_t free_space_floor_bytes = limits::kFreeSpaceFloorBytes;
};

class BlobStore;

// A file on its way in. Movable. Its bytes stay in staging until Commit or Discard, whatever
// happens to this object or the process. A failed Append changes nothing. A failed Sync takes the
// file back to synced_size(), because the kernel may have dropped what it could not write and would
// not say so again; every later call then fails with the same status until the file is opened
// again.
class StagedBlob {
 public:
  int64_t size() const { return size_; }           // bytes received
  int64_t synced_size() const { return synced_; }  // bytes that survive power loss; 0 after opening

  // OUT_OF_RANGE OFFSET_MISMATCH (metadata "expected") unless offset == size(); nothing changes.
  // DISK_FULL below the store's floor.
  absl::Status Append(int64_t offset, absl::string_view bytes);

  // fdatasync: afterwards synced_size() == size().
  absl::Status Sync();

  // Syncs, hashes the file as it is on disk, and moves it to its place; idempotent for the content
  // (an existing blob of the same digest stays). DATA_LOSS DIGEST_MISMATCH (metadata "expected",
  // "actual") when the bytes are not what was announced: the staging file is removed then, because
  // no continuation can repair it. This object is finished after OK and after DIGEST_MISMATCH;
  // after any other error Commit may be repeated.
  absl::Status Commit(const Digest& expected);

  // Removes the staging file; this object is finished.
  absl::Status Discard();

 private:
  friend class BlobStore;
  StagedBlob(const BlobStore* store, std::string path, FileDescriptor file, int64_t size);
  void Finish(absl::string_view how);  // every later call fails: UPLOAD_NOT_FOUND

  const BlobStore* store_;
  std::string path_;
  bool moved_ = false;  // to its place, perhaps not durably yet
  FileDescriptor file_;
  int64_t size_;
  int64_t synced_ = 0;
  absl::Status state_;
};

class BlobStore {
 public:
  // Creates the folders (mode 0700) when missing, and removes the half-made copies of earlier
  // processes, however young: whoever opens a store is the only process at it, and opens it once.
  static absl::StatusOr<std::unique_ptr<BlobStore>> Open(const std::string& root,
                                                         const BlobStoreOptions& options = {});

  absl::StatusOr<Digest> PutBytes(absl::string_view bytes) const;
  // Copies a regular file in, hashing what was copied.
  absl::StatusOr<Digest> PutFile(const std::string& path) const;

  // `id`: 1 to 128 of [A-Za-z0-9._-], not starting with '.'; INVALID_ARGUMENT NAME_INVALID.
  // CreateStaging: ALREADY_EXISTS FILE_EXISTS. OpenStaging: NOT_FOUND FILE_NOT_FOUND; continues
  // at the size on disk. A store outlives its staged blobs.
  absl::StatusOr<StagedBlob> CreateStaging(absl::string_view id) const;
  absl::StatusOr<StagedBlob> OpenStaging(absl::string_view id) const;
  // Ids in staging, sorted; for the sweeper of expired uploads.
  absl::StatusOr<std::vector<std::string>> ListStaging() const;
  // Bytes of everything in staging now.
  absl::StatusOr<int64_t> StagingBytes() const;

  bool Contains(const Digest& digest) const;
  // Where the blob is or would be. For readers that map files; never write there.
  std::string Path(const Digest& digest) const;
  // NOT_FOUND BLOB_NOT_FOUND for both, and for Delete.
  absl::StatusOr<int64_t> Size(const Digest& digest) const;
  // When its bytes were written, by the file system's clock. BLOB_NOT_FOUND.
  absl::StatusOr<absl::Time> WriteTime(const Digest& digest) const;
  // Bytes [offset, offset + length), fewer at the end of the blob, none at it; OUT_OF_RANGE
  // OFFSET_MISMATCH beyond it or when offset or length is negative.
  absl::StatusOr<std::string> Read(const Digest& digest, int64_t offset, int64_t length) const;
  absl::Status Delete(const Digest& digest) const;
  // Re-hashes a blob; DATA_LOSS DIGEST_MISMATCH when the disk no longer holds what it should.
  absl::Status Check(const Digest& digest) const;
  // Digests of all blobs, sorted; for the offline verifier and the collection of unreferenced ones.
  absl::StatusOr<std::vector<Digest>> List() const;

  // RESOURCE_EXHAUSTED DISK_FULL unless max(floor, 2 x declared_bytes) are free.
  absl::Status CheckFreeSpace(int64_t declared_bytes) const;

 private:
  friend class StagedBlob;
  BlobStore(std::string root, const BlobStoreOptions& options);
  absl::Status RequireFree(int64_t bytes) const;
  // Moves a file of known digest to its place. `moved` says whether it is there: what fails after
  // that is only its being durable, and the same call again makes up for it.
  absl::Status Adopt(const FileDescriptor& file, const std::string& path, const Digest& digest,
                     bool& moved) const;
  // Makes a temporary file, lets `fill` write it, adopts it under the digest it returns.
  absl::StatusOr<Digest> Put(
      absl::FunctionRef<absl::StatusOr<Digest>(const FileDescriptor&, const std::string&)> fill)
      const;
  absl::Status NotFound(const Digest& digest) const;
  std::string StagingDirectory() const;

  const std::string root_;
  const BlobStoreOptions options_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_STORAGE_BLOB_STORE_H_
