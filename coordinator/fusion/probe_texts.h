// The cooperative's registered probe texts, read from their blobs and cut into chunks with the
// base's tokenizer. Errors: those of SplitProbeText, Tokenizer::Load and BuildProbeText;
// BLOB_NOT_FOUND. Any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_PROBE_TEXTS_H_
#define KALAVAI_COORDINATOR_FUSION_PROBE_TEXTS_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"

#include "common/probe/probe_text.h"
#include "common/storage/blob_store.h"
#include "coordinator/launch/cooperative_store.h"

namespace kalavai::coordinator {

absl::StatusOr<ProbeText> LoadProbeText(const BlobStore& blobs, std::span<const ProbeTextRow> texts,
                                        const std::string& tokenizer_path, int64_t chunk_tokens);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PROBE_TEXTS_H_
