// The sample a member is about to share: exactly the bytes that would leave, and whether any of it
// was trained on here.
//
//   ASSIGN_OR_RETURN(const SampleText sample, ReadSample(files, "legal"));
//   RETURN_IF_ERROR(CheckNotTrainedOn(sample, workspace));      // then show it, then send it
//
// Of a .jsonl only the field `text` leaves, whatever else its lines hold; documents that occur
// twice leave once. Nothing is logged: until it is sent the text is private.
#ifndef KALAVAI_CONTRIBUTOR_SAMPLE_SAMPLE_TEXT_H_
#define KALAVAI_CONTRIBUTOR_SAMPLE_SAMPLE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/corpus/documents.h"
#include "common/crypto/sha256.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

struct SampleText {
  std::string lines;                // JSON lines, one {"text":…} a document: what leaves
  Digest digest;                    // SHA-256 of `lines`
  std::vector<Document> documents;  // as in the files, in their order, each once
  int64_t router_documents = 0;     // as the coordinator will split them
  int64_t evaluation_documents = 0;
};

// Errors: those of ReadDocuments; INVALID_ARGUMENT PROBE_TEXT_TOO_LARGE (more than
// kSampleBytesMax), TEXT_EMPTY (fewer than two documents).
absl::StatusOr<SampleText> ReadSample(const std::vector<std::string>& files,
                                      absl::string_view domain);

// FAILED_PRECONDITION PROBE_TEXT_IS_TRAINING_TEXT (metadata `documents`) when a document is in
// training/documents.txt, which `train` writes; REPORT_INVALID when that file is damaged. Returns
// whether there is such a file: without it nothing is known.
absl::StatusOr<bool> CheckNotTrainedOn(const SampleText& sample, const Workspace& workspace);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_SAMPLE_SAMPLE_TEXT_H_
