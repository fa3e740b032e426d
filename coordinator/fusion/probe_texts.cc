#include "coordinator/fusion/probe_texts.h"

#include <memory>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/probe_documents.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai::coordinator {

absl::StatusOr<ProbeText> ReadProbeText(std::span<const ProbeTextFile> texts,
                                        const std::string& tokenizer_path, int64_t chunk_tokens) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(tokenizer_path));
  const auto read = [&](size_t index) -> absl::StatusOr<ProbeDocuments> {
    const ProbeTextFile& text = texts[index];
    // BuildProbeText splits again by the same hash; both parts go in.
    ASSIGN_OR_RETURN(const std::string bytes,
                     ReadFileBounded(text.path, limits::kProbeTextBytesMax));
    ASSIGN_OR_RETURN(DocumentSplit split, SplitProbeText(bytes, text.domain, text.format));
    ProbeDocuments domain{
        .domain = text.domain, .public_class = text.public_class, .documents = {}};
    for (Document& document : split.first) domain.documents.push_back(std::move(document.text));
    for (Document& document : split.second) domain.documents.push_back(std::move(document.text));
    return domain;
  };
  return BuildProbeText(*tokenizer, texts.size(), read, {.chunk_tokens = chunk_tokens});
}

absl::StatusOr<ProbeText> LoadProbeText(const BlobStore& blobs, std::span<const ProbeTextRow> texts,
                                        const std::string& tokenizer_path, int64_t chunk_tokens) {
  std::vector<ProbeTextFile> files;
  for (const ProbeTextRow& text : texts) {
    RETURN_IF_ERROR(blobs.Size(text.digest).status());
    files.push_back({.domain = text.domain,
                     .public_class = text.public_class,
                     .format = text.format,
                     .path = blobs.Path(text.digest)});
  }
  return ReadProbeText(files, tokenizer_path, chunk_tokens);
}

}  // namespace kalavai::coordinator
