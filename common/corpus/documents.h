// A member's text as documents: read, de-duplicated, split by hash.
//
//   ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments("cases.jsonl"));
//   documents = Deduplicate(std::move(documents));
//   const DocumentSplit split = SplitByHash(std::move(documents), "train/held-out", 0.9);
//
// Splitting documents before packing keeps the held-out text disjoint from the training text, which
// a split of packed chunks does not (design §5). Pure functions but for the reading; the same files
// in the same order give the same documents. Nothing is logged: the text is private.
#ifndef KALAVAI_COMMON_CORPUS_DOCUMENTS_H_
#define KALAVAI_COMMON_CORPUS_DOCUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"

namespace kalavai {

struct Document {
  std::string text;  // UTF-8, not empty (but of ReadWholeTexts)
  Digest digest;     // SHA-256 of the text
};

// Reads the documents of a file, in its order:
// - `.jsonl`: one JSON object a line with the string field `text`; other fields are ignored, empty
//   lines too. A line is at most limits::kTextLineBytesMax.
// - `.txt`: paragraphs (cut at blank lines, trailing white space dropped), consecutive ones
//   joined again by a blank line up to limits::kDocumentCharactersMax characters (code points, so
//   that a document holds as much in every script). A longer paragraph is cut at that length.
// Documents of white space only are dropped.
// Errors, metadata `file`: INVALID_ARGUMENT: TEXT_NOT_UTF8 (`offset`: byte in the file; in .jsonl
// also for an escape that is no character), TEXT_EMPTY when no document is left, JSON_INVALID
// (`line`), FILE_TYPE_UNSUPPORTED for another extension, FILE_TOO_LARGE; NOT_FOUND:
// FILE_NOT_FOUND; IO_ERROR.
absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& path);

// The same for bytes in memory that are, or were, a file named `path`: its extension decides the
// form, and errors name it.
absl::StatusOr<std::vector<Document>> ParseDocuments(absl::string_view bytes,
                                                     const std::string& path);

// The documents of several files, one after the other.
absl::StatusOr<std::vector<Document>> ReadDocuments(const std::vector<std::string>& paths);

// The texts of a file as they stand, for a packing that knows no documents: `.txt` is one text,
// byte for byte; `.jsonl` gives the field `text` of each line, empty ones too. A byte-order mark at
// the start is left out. Errors: those of ReadDocuments; TEXT_EMPTY when there is nothing but white
// space.
absl::StatusOr<std::vector<Document>> ReadWholeTexts(const std::string& path);

// The rules of `.txt` above for text in memory; `text` must be UTF-8. May give no document.
std::vector<Document> DocumentsOfText(absl::string_view text);

Document MakeDocument(std::string text);

// Keeps the first of equal documents, in order.
std::vector<Document> Deduplicate(std::vector<Document> documents);

struct DocumentSplit {
  std::vector<Document> first;   // about `first_share` of the documents, in their order
  std::vector<Document> second;  // the rest, in their order
};

// A document is in `first` when SHA-256(purpose ‖ 0x00 ‖ its digest), read as a fraction of 2^64
// from its first eight bytes, is below `first_share` (0 < first_share < 1). So a document falls on
// the same side wherever and beside whatever it occurs, equal documents never fall on both sides,
// and splits of different purposes are independent. One exception: of two or more distinct
// documents at least one is on each side; where the hashes leave a side empty, the document
// nearest to the border (and its copies) moves.
DocumentSplit SplitByHash(std::vector<Document> documents, absl::string_view purpose,
                          double first_share);

// The purposes in use: a split never takes its purpose from anywhere else.
inline constexpr absl::string_view kTrainingSplit = "kalavai/train-held-out/v1";
inline constexpr double kTrainingShare = 0.9;
inline constexpr absl::string_view kProbeSplit = "kalavai/router-evaluation/v1";
inline constexpr double kRouterShare = 0.5;

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CORPUS_DOCUMENTS_H_
