#include "coordinator/fusion/probe_texts.h"

#include <memory>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/probe_documents.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai::coordinator {

absl::StatusOr<ProbeText> LoadProbeText(const BlobStore& blobs, std::span<const ProbeTextRow> texts,
                                        const std::string& tokenizer_path, int64_t chunk_tokens) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(tokenizer_path));
  std::vector<ProbeDocuments> domains;
  for (const ProbeTextRow& text : texts) {
    // BuildProbeText splits again by the same hash; both parts go in.
    ASSIGN_OR_RETURN(const std::string bytes,
                     blobs.Read(text.digest, 0, limits::kProbeTextBytesMax));
    ASSIGN_OR_RETURN(DocumentSplit split, SplitProbeText(bytes, text.domain, text.format));
    ProbeDocuments domain{
        .domain = text.domain, .public_class = text.public_class, .documents = {}};
    for (Document& document : split.first) domain.documents.push_back(std::move(document.text));
    for (Document& document : split.second) domain.documents.push_back(std::move(document.text));
    domains.push_back(std::move(domain));
  }
  return BuildProbeText(*tokenizer, domains, {.chunk_tokens = chunk_tokens});
}

}  // namespace kalavai::coordinator
