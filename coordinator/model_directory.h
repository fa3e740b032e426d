// A checkpoint directory made from blobs, so that the model's loader finds the files by name.
//
//   RETURN_IF_ERROR(MaterialiseCheckpoint(blobs, files, directory));
//   ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(directory, {}));
//
// Files are hard links to the immutable blobs (no bytes are copied); on another file system,
// copies. Never symbolic links, which the upload rules refuse. A directory that is there already is
// made anew: what it holds then is exactly `files`. Any thread; one at a time for a directory.
#ifndef KALAVAI_COORDINATOR_MODEL_DIRECTORY_H_
#define KALAVAI_COORDINATOR_MODEL_DIRECTORY_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "common/crypto/sha256.h"
#include "common/storage/blob_store.h"

namespace kalavai::coordinator {

// A file of a flat directory: a name without '/', and what it must contain.
struct BlobFile {
  std::string path;
  Digest digest;
};

// Errors: NOT_FOUND BLOB_NOT_FOUND (a blob is missing: the submission was withdrawn, or the store
// damaged), INVALID_ARGUMENT FILE_NAME_INVALID (a name with '/', "." or ".."), DISK_FULL, IO_ERROR.
absl::Status MaterialiseCheckpoint(const BlobStore& blobs, std::span<const BlobFile> files,
                                   const std::string& directory);

// Of a submission's files, those that make the model: configuration, weights and tokenizer. Reports
// and the signature stay out: a specialist's directory then holds what the base's does.
bool IsModelFile(absl::string_view path);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_MODEL_DIRECTORY_H_
