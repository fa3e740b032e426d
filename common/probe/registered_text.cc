#include "common/probe/registered_text.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/probe_documents.h"
#include "common/model/model_config.h"
#include "common/probe/probe_text.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai {
namespace {

absl::StatusOr<DocumentSplit> ReadDocuments(const RegisteredText& text) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileBounded(text.path, limits::kProbeTextBytesMax));
  return SplitProbeText(bytes, text.domain, text.format);
}

absl::Status CheckContext(const std::string& config_path, int64_t chunk_tokens) {
  ASSIGN_OR_RETURN(const std::string json, ReadFileBounded(config_path, limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::FromJson(json));
  if (chunk_tokens <= config.context_length) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "CHUNK_EXCEEDS_CONTEXT",
                   {.what = absl::StrCat("chunk_tokens: ", chunk_tokens, " found; must be at most ",
                                         config.context_length, ", the base's context"),
                    .why = "every model reads probe text in chunks of that many tokens",
                    .fix = "found the cooperative anew with fewer --chunk-tokens, or import a base "
                           "with a longer context before the launch",
                    .metadata = {{"chunk_tokens", absl::StrCat(chunk_tokens)},
                                 {"context_length", absl::StrCat(config.context_length)}}});
}

}  // namespace

absl::Status CheckTextsMeasurable(const ChunkingFiles& base, std::span<const RegisteredText> texts,
                                  int64_t chunk_tokens) {
  RETURN_IF_ERROR(CheckContext(base.config, chunk_tokens));
  if (texts.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(base.tokenizer));
  for (const RegisteredText& text : texts) {
    ASSIGN_OR_RETURN(DocumentSplit split, ReadDocuments(text));
    ProbeDocuments documents = {.domain = text.domain, .public_class = text.public_class};
    for (auto* const part : {&split.first, &split.second}) {
      for (Document& document : *part) documents.documents.push_back(std::move(document.text));
    }
    // As few chunks as tell whether there are enough: little is encoded.
    RETURN_IF_ERROR(
        BuildProbeText(*tokenizer, {&documents, 1},
                       {.chunk_tokens = chunk_tokens, .chunks_per_part = kProbeChunksMin})
            .status());
  }
  return absl::OkStatus();
}

absl::Status CheckDocumentsApart(absl::string_view domain, const DocumentSplit& split,
                                 std::span<const RegisteredText> others) {
  absl::flat_hash_set<std::string> own;
  for (const auto* const part : {&split.first, &split.second}) {
    for (const Document& document : *part) own.insert(document.digest.Hex());
  }
  for (const RegisteredText& other : others) {
    if (other.domain == domain) continue;
    ASSIGN_OR_RETURN(const DocumentSplit theirs, ReadDocuments(other));
    int64_t both = 0;
    for (const auto* const part : {&theirs.first, &theirs.second}) {
      both += std::count_if(part->begin(), part->end(), [&](const Document& document) {
        return own.contains(document.digest.Hex());
      });
    }
    if (both == 0) continue;
    return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_TEXT_OVERLAPS",
                     {.what = absl::StrCat("probe text of ", domain, ": ", both, " of its ",
                                           own.size(), " documents are in the probe text of ",
                                           other.domain, "; must be none"),
                      .why = "no gate can tell two domains apart by a text that both have",
                      .fix = "give each document to one domain",
                      .metadata = {{"domain", other.domain}, {"documents", absl::StrCat(both)}}});
  }
  return absl::OkStatus();
}

}  // namespace kalavai
