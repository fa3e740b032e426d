// Which documents members say they trained on: training_documents.txt of their submissions, which a
// member may add (common/corpus/document_list.h).
//
// Errors: those of the store, BLOB_NOT_FOUND, REPORT_INVALID. Any thread.
#ifndef KALAVAI_COORDINATOR_SUBMISSION_REPORTED_DOCUMENTS_H_
#define KALAVAI_COORDINATOR_SUBMISSION_REPORTED_DOCUMENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/crypto/sha256.h"
#include "common/storage/blob_store.h"
#include "coordinator/submission/submission_store.h"

namespace kalavai::coordinator {

// Of one submission, ascending; nothing when it reports none.
absl::StatusOr<std::optional<std::vector<Digest>>> ReportedDocuments(
    const BlobStore& blobs, const SubmissionRecord& record);

// Of all submissions of a member (a resource name) whose list has arrived and is one, ascending,
// each digest once.
absl::StatusOr<std::vector<Digest>> ReportedDocumentsOfMember(const BlobStore& blobs,
                                                              SubmissionStore& submissions,
                                                              const std::string& contributor);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SUBMISSION_REPORTED_DOCUMENTS_H_
