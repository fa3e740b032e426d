#include "contributor/prediction/domain_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/corpus/chunk_selection.h"
#include "common/corpus/documents.h"
#include "common/probe/probe_text.h"

namespace kalavai::contributor {
namespace {

absl::Status TooLittle(const DomainText& text, int64_t chunk_tokens) {
  const std::string what =
      absl::StrCat("probe text of domain '", text.domain, "', router part: ", text.chunks.count(),
                   " chunks of ", chunk_tokens, " tokens found");
  if (text.left_out == 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT",
                     {.what = absl::StrCat(what, "; must be at least ", kProbeChunksMin),
                      .why = "figures on fewer chunks are noise",
                      .fix = "ask the launcher for more text",
                      .metadata = {{"domain", text.domain},
                                   {"found", absl::StrCat(text.chunks.count())},
                                   {"needed", absl::StrCat(kProbeChunksMin)}}});
  }
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_TRAINED_ON",
      {.what =
           absl::StrCat(what, " without ", text.left_out, " of ", text.documents,
                        " documents that were trained on here; must be at least ", kProbeChunksMin),
       .why = "a specialist measured on text it has learned by heart looks better than it is",
       .fix = "train without the launcher's probe text, then measure again",
       .metadata = {{"domain", text.domain}, {"documents", absl::StrCat(text.left_out)}}});
}

// The token ids as bytes that do not depend on the machine.
std::string DigestOf(const TokenChunks& chunks) {
  std::string bytes;
  for (const int32_t token : chunks.tokens) {
    for (int shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<char>((static_cast<uint32_t>(token) >> shift) & 0xFFU));
    }
  }
  return Sha256Of(bytes).Hex();
}

}  // namespace

absl::StatusOr<DomainText> BuildDomainText(const Tokenizer& tokenizer, const std::string& domain,
                                           absl::string_view lines, std::span<const Digest> trained,
                                           const DomainTextOptions& options) {
  DomainText text{.domain = domain};
  std::vector<Document> documents;
  if (!lines.empty()) {
    ASSIGN_OR_RETURN(documents, ParseDocuments(lines, absl::StrCat(domain, ".jsonl")));
  }
  documents = Deduplicate(std::move(documents));
  text.documents = static_cast<int64_t>(documents.size());
  text.left_out = static_cast<int64_t>(std::erase_if(documents, [&](const Document& document) {
    return std::binary_search(trained.begin(), trained.end(), document.digest);
  }));
  ASSIGN_OR_RETURN(text.chunks, SpreadChunks(tokenizer, std::move(documents), options.chunk_tokens,
                                             options.chunks_max));
  if (text.chunks.count() < kProbeChunksMin) return TooLittle(text, options.chunk_tokens);
  text.digest = DigestOf(text.chunks);
  return text;
}

}  // namespace kalavai::contributor
