// Probe text as documents, split into its two parts: what the router may learn from and what it is
// judged by. The split is by document hash (common/corpus, kProbeSplit), so it is the same whenever
// and wherever it is made. Pure functions besides reading the blob.
#ifndef KALAVAI_COORDINATOR_LAUNCH_PROBE_DOCUMENTS_H_
#define KALAVAI_COORDINATOR_LAUNCH_PROBE_DOCUMENTS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/corpus/documents.h"
#include "common/storage/blob_store.h"
#include "coordinator/launch/cooperative_store.h"

namespace kalavai::coordinator {

// `first` = router part, `second` = evaluation part; duplicates removed. `format` is "jsonl" or
// "txt". Errors of ParseDocuments (TEXT_NOT_UTF8, TEXT_EMPTY, JSON_INVALID); TEXT_EMPTY also when
// there are fewer than two documents, because each part needs one.
absl::StatusOr<DocumentSplit> SplitProbeText(absl::string_view bytes, absl::string_view domain,
                                             absl::string_view format);

// The same for a registered text; BLOB_NOT_FOUND when its bytes are gone.
absl::StatusOr<DocumentSplit> ReadProbeDocuments(const BlobStore& blobs, const ProbeTextRow& row);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_PROBE_DOCUMENTS_H_
