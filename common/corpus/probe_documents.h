// Probe text as documents, split into its two parts: what the router may learn from and what it is
// judged by. The split is by document hash (kProbeSplit), so it is the same whenever and wherever
// it is made: when the text is registered, and at every fusion. Pure.
#ifndef KALAVAI_COMMON_CORPUS_PROBE_DOCUMENTS_H_
#define KALAVAI_COMMON_CORPUS_PROBE_DOCUMENTS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/base/limits.h"
#include "common/corpus/documents.h"

namespace kalavai {

// Of a sample that a member shares, 4 MiB: a server holds it in memory while it arrives, and every
// member may send one.
inline constexpr int64_t kSampleBytesMax = limits::kProbeTextBytesMax / 16;
// Of the router part of a domain that members read, as much: some thousand chunks.
inline constexpr int64_t kProbeReadBytesMax = limits::kProbeTextBytesMax / 16;

// `first` = router part, `second` = evaluation part; duplicates removed. `format` is "jsonl" or
// "txt". Errors of ParseDocuments (TEXT_NOT_UTF8, TEXT_EMPTY, JSON_INVALID,
// FILE_TYPE_UNSUPPORTED); TEXT_EMPTY also when there are fewer than two documents, because each
// part needs one.
absl::StatusOr<DocumentSplit> SplitProbeText(absl::string_view bytes, absl::string_view domain,
                                             absl::string_view format);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CORPUS_PROBE_DOCUMENTS_H_
