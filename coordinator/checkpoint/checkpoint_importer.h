// A checkpoint directory on the coordinator's disk becomes the canonical base: validated, copied
// into the blob store, signed.
//
// Copied are the files that Hugging Face's libraries read and that hold no code
// (IsCheckpointFileName), flat; anything else in the directory is left alone. Required: config.json
// of a supported architecture, tokenizer.json that fits its vocabulary, weights in safetensors
// whose headers are valid. The OMS root digest over the copied files is the canonical checkpoint
// hash; the signature is made by the coordinator's key over exactly these digests.
//
// Errors: FIELD_INVALID (no absolute path), FILE_NOT_FOUND, CHECKPOINT_INVALID,
// CHECKPOINT_FORM, CHECKPOINT_SHARDS, those of common/safetensors/defect.h, MODEL_CONFIG_INVALID,
// MODEL_UNSUPPORTED, TOKENIZER_INVALID, TOKENIZER_UNSUPPORTED, TOKENIZER_MISMATCH, DISK_FULL,
// IO_ERROR. Takes as long as reading the files twice: run it on a worker. Thread-safe.
#ifndef KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_IMPORTER_H_
#define KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_IMPORTER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/crypto/signing_key.h"
#include "common/storage/blob_store.h"
#include "coordinator/checkpoint/checkpoint_store.h"

namespace kalavai::coordinator {

// OK when the directory holds a checkpoint that members can train from.
absl::Status CheckBaseDirectory(const std::string& directory);

// Checks, copies and signs. The caller writes the row and its log leaf in one transaction.
absl::StatusOr<CheckpointRow> ImportCheckpointFiles(const std::string& cooperative,
                                                    const std::string& directory,
                                                    const BlobStore& blobs, const SigningKey& key);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_CHECKPOINT_CHECKPOINT_IMPORTER_H_
