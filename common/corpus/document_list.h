// Documents named by their digests and nothing else, so that two texts can be compared without
// either being shown: training_documents.txt of a submission, which a member may add and the
// coordinator holds against the probe texts.
//
//   64 lower-case hexadecimal digits and a newline for each document, ascending, each once
//
// A digest tells nothing of a text that nobody has, and everything to who has it: whoever reads the
// list can ask of any document of his own whether it is among them. Pure functions.
#ifndef KALAVAI_COMMON_CORPUS_DOCUMENT_LIST_H_
#define KALAVAI_COMMON_CORPUS_DOCUMENT_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/base/limits.h"
#include "common/corpus/documents.h"
#include "common/crypto/sha256.h"

namespace kalavai {

inline constexpr char kTrainingDocumentsFile[] = "training_documents.txt";
// As much as the signature beside it: 258,000 digests.
inline constexpr int64_t kDocumentListBytesMax = limits::kModelSignatureBytesMax;

std::string FormatDocumentList(const std::vector<Document>& documents);

// INVALID_ARGUMENT REPORT_INVALID with the line when it is not exactly as above; an empty list is
// one, too.
absl::StatusOr<std::vector<Digest>> ParseDocumentList(absl::string_view text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CORPUS_DOCUMENT_LIST_H_
