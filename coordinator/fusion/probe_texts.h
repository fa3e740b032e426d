// The cooperative's registered probe texts, cut into chunks with the base's tokenizer: read from
// their blobs, or from files that hold the same bytes. Errors: those of SplitProbeText,
// Tokenizer::Load and BuildProbeText; BLOB_NOT_FOUND, those of ReadFileBounded. Any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_PROBE_TEXTS_H_
#define KALAVAI_COORDINATOR_FUSION_PROBE_TEXTS_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"

#include "common/probe/probe_text.h"
#include "common/storage/blob_store.h"
#include "coordinator/launch/cooperative_store.h"

namespace kalavai::coordinator {

struct ProbeTextFile {
  std::string domain;
  bool public_class = false;
  std::string format;  // "jsonl" or "txt"
  std::string path;
};

absl::StatusOr<ProbeText> ReadProbeText(std::span<const ProbeTextFile> texts,
                                        const std::string& tokenizer_path, int64_t chunk_tokens);

absl::StatusOr<ProbeText> LoadProbeText(const BlobStore& blobs, std::span<const ProbeTextRow> texts,
                                        const std::string& tokenizer_path, int64_t chunk_tokens);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PROBE_TEXTS_H_
