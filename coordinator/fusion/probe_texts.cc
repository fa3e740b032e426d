#include "coordinator/fusion/probe_texts.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"
#include "common/corpus/documents.h"
#include "common/tokenizer/tokenizer.h"
#include "coordinator/fusion/specialist_directory.h"

namespace kalavai::coordinator {

absl::StatusOr<ProbeText> LoadProbeText(const BlobStore& blobs, std::span<const ProbeTextRow> texts,
                                        const std::string& tokenizer_path, int64_t chunk_tokens,
                                        const std::string& scratch_directory) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(tokenizer_path));
  std::vector<BlobFile> files;
  for (size_t i = 0; i < texts.size(); ++i) {
    files.push_back({.path = absl::StrCat(i, ".", texts[i].format), .digest = texts[i].digest});
  }
  RETURN_IF_ERROR(MaterialiseCheckpoint(blobs, files, scratch_directory));
  std::vector<ProbeDocuments> domains;
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSIGN_OR_RETURN(std::vector<Document> documents,
                     ReadDocuments(absl::StrCat(scratch_directory, "/", files[i].path)));
    ProbeDocuments domain{
        .domain = texts[i].domain, .public_class = texts[i].public_class, .documents = {}};
    for (Document& document : Deduplicate(std::move(documents))) {
      domain.documents.push_back(std::move(document.text));
    }
    domains.push_back(std::move(domain));
  }
  std::error_code ignored;
  std::filesystem::remove_all(scratch_directory, ignored);
  return BuildProbeText(*tokenizer, domains, {.chunk_tokens = chunk_tokens});
}

}  // namespace kalavai::coordinator
