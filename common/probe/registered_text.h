// Whether probe texts will do, before they are final: a charter and a shared sample never change,
// and a text that cannot be measured on stops every fusion.
//
// Errors: those of ReadFileBounded, SplitProbeText, ModelConfig::FromJson, Tokenizer::Load and
// BuildProbeText (TOO_LITTLE_TEXT), and
//   FAILED_PRECONDITION CHUNK_EXCEEDS_CONTEXT  metadata `chunk_tokens`, `context_length`
//   INVALID_ARGUMENT    PROBE_TEXT_OVERLAPS    metadata `domain` (of the other text), `documents`
// Pure functions of files; any thread.
#ifndef KALAVAI_COMMON_PROBE_REGISTERED_TEXT_H_
#define KALAVAI_COMMON_PROBE_REGISTERED_TEXT_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/corpus/documents.h"

namespace kalavai {

// A probe text as it was registered.
struct RegisteredText {
  std::string domain = {};
  bool public_class = false;
  std::string format = {};  // "jsonl" or "txt"
  std::string path = {};    // of its bytes
};

// The base's files that decide what a chunk is.
struct ChunkingFiles {
  std::string config = {};     // path of config.json
  std::string tokenizer = {};  // path of tokenizer.json
};

// That the base can read a chunk, and that both parts of every text give the chunks a fusion needs.
// No text at all is well.
absl::Status CheckTextsMeasurable(const ChunkingFiles& base, std::span<const RegisteredText> texts,
                                  int64_t chunk_tokens);

// That no document of `split`, the text of `domain`, is in one of `others`; the domain's own among
// them is passed over.
absl::Status CheckDocumentsApart(absl::string_view domain, const DocumentSplit& split,
                                 std::span<const RegisteredText> others);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_REGISTERED_TEXT_H_
