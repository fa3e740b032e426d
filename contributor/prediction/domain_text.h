// The text of one domain that a member measures models on at home: the router part of the
// launcher's probe text, as the probe pass would cut it, without what this member trained on.
#ifndef KALAVAI_CONTRIBUTOR_PREDICTION_DOMAIN_TEXT_H_
#define KALAVAI_CONTRIBUTOR_PREDICTION_DOMAIN_TEXT_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/corpus/packing.h"
#include "common/crypto/sha256.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai::contributor {

struct DomainText {
  std::string domain = {};
  TokenChunks chunks = {};  // spread over the documents (common/corpus/chunk_selection.h)
  std::string digest = {};  // lower-case hex SHA-256 of the chunks' tokens, little-endian
  int64_t documents = 0;    // as received, without duplicates
  int64_t left_out = 0;     // of them trained on, and so not measured on
};

struct DomainTextOptions {
  int64_t chunk_tokens = 256;
  int64_t chunks_max = 32;
};

// `lines` are JSON lines as ReadProbeText sends them; `trained` the documents of
// training_documents.txt, ascending. Errors: those of ParseDocuments and SpreadChunks;
// INVALID_ARGUMENT TOO_LITTLE_TEXT when there are fewer than kProbeChunksMin chunks,
// FAILED_PRECONDITION PROBE_TEXT_TRAINED_ON (metadata `domain`, `documents`) when there would be
// enough but for what was trained on. Pure.
absl::StatusOr<DomainText> BuildDomainText(const Tokenizer& tokenizer, const std::string& domain,
                                           absl::string_view lines, std::span<const Digest> trained,
                                           const DomainTextOptions& options);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_PREDICTION_DOMAIN_TEXT_H_
