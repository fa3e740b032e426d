#include "coordinator/blob_collector.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "coordinator/blob_reference_store.h"

namespace kalavai::coordinator {

absl::Status BlobCollector::Remove(const Digest& digest, Collected& collected) const {
  const absl::StatusOr<int64_t> size = blobs_.Size(digest);
  if (size.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
  RETURN_IF_ERROR(size.status());
  RETURN_IF_ERROR(blobs_.Delete(digest));
  ++collected.files;
  collected.bytes += *size;
  return absl::OkStatus();
}

absl::StatusOr<Collected> BlobCollector::Collect(std::span<const Digest> digests) const {
  Collected collected;
  if (digests.empty()) return collected;
  const BlobReferenceStore references(database_);
  const absl::Status status = database_.Transact([&]() -> absl::Status {
    for (const Digest& digest : digests) {
      ASSIGN_OR_RETURN(const bool named, references.IsNamed(digest));
      if (!named) RETURN_IF_ERROR(Remove(digest, collected));
    }
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(status);
  return collected;
}

absl::StatusOr<Collected> BlobCollector::CollectReleased() const {
  ASSIGN_OR_RETURN(const std::vector<Digest> released,
                   BlobReferenceStore(database_).ListReleased());
  std::vector<Digest> stored;
  for (const Digest& digest : released) {
    if (blobs_.Contains(digest)) stored.push_back(digest);
  }
  return Collect(stored);
}

absl::Status BlobCollector::RemoveStaging(Collected& collected) const {
  ASSIGN_OR_RETURN(const std::vector<std::string> known,
                   BlobReferenceStore(database_).ListStagingIds());
  ASSIGN_OR_RETURN(const std::vector<std::string> found, blobs_.ListStaging());
  for (const std::string& id : found) {
    if (std::binary_search(known.begin(), known.end(), id)) continue;
    absl::StatusOr<StagedBlob> staged = blobs_.OpenStaging(id);
    // Since it was listed, its session has removed it or made a blob of it.
    if (staged.status().code() == absl::StatusCode::kNotFound) continue;
    RETURN_IF_ERROR(staged.status());
    const int64_t size = staged->size();
    const absl::Status discarded = staged->Discard();
    if (discarded.code() == absl::StatusCode::kNotFound) continue;
    RETURN_IF_ERROR(discarded);
    ++collected.files;
    collected.bytes += size;
  }
  return absl::OkStatus();
}

absl::StatusOr<Collected> BlobCollector::CollectStaging() const {
  Collected collected;
  RETURN_IF_ERROR(database_.Transact([&] { return RemoveStaging(collected); }));
  return collected;
}

absl::StatusOr<Collected> BlobCollector::CollectAll(absl::Time now) const {
  Collected collected;
  const BlobReferenceStore references(database_);
  ASSIGN_OR_RETURN(const std::vector<Digest> stored, blobs_.List());
  const absl::Status status = database_.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<Digest> named, references.ListNamed());
    ASSIGN_OR_RETURN(const std::vector<Digest> released, references.ListReleased());
    for (const Digest& digest : stored) {
      if (std::binary_search(named.begin(), named.end(), digest)) continue;
      if (!std::binary_search(released.begin(), released.end(), digest)) {
        ASSIGN_OR_RETURN(const absl::Time written, blobs_.WriteTime(digest));
        if (now - written < absl::Seconds(limits::kUnnamedBlobSeconds)) continue;
      }
      RETURN_IF_ERROR(Remove(digest, collected));
    }
    return RemoveStaging(collected);
  });
  RETURN_IF_ERROR(status);
  return collected;
}

}  // namespace kalavai::coordinator
