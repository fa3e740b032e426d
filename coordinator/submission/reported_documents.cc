#include "coordinator/submission/reported_documents.h"

#include <set>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/corpus/document_list.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

absl::StatusOr<std::optional<std::vector<Digest>>> ReportedDocuments(
    const BlobStore& blobs, const SubmissionRecord& record) {
  for (const SubmissionFile& file : record.files) {
    if (file.path != kTrainingDocumentsFile) continue;
    ASSIGN_OR_RETURN(const std::string text, blobs.Read(file.digest, 0, kDocumentListBytesMax));
    ASSIGN_OR_RETURN(std::vector<Digest> digests, ParseDocumentList(text));
    return digests;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<Digest>> ReportedDocumentsOfMember(const BlobStore& blobs,
                                                              SubmissionStore& submissions,
                                                              const std::string& contributor) {
  constexpr int64_t kPage = 500;
  ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(contributor));
  std::set<Digest> all;
  std::string after;
  for (;;) {
    ASSIGN_OR_RETURN(
        const std::vector<SubmissionRecord> page,
        submissions.List(CooperativeName(name.cooperative), contributor, after, kPage));
    if (page.empty()) return std::vector<Digest>(all.begin(), all.end());
    for (const SubmissionRecord& record : page) {
      after = record.name;
      const auto reported = ReportedDocuments(blobs, record);
      // Still on its way, or rejected with its file: the admission has said so.
      const std::string reason = GetErrorReason(reported.status());
      if (reason == "BLOB_NOT_FOUND" || reason == "REPORT_INVALID") continue;
      RETURN_IF_ERROR(reported.status());
      if (reported->has_value()) all.insert((*reported)->begin(), (*reported)->end());
    }
  }
}

}  // namespace kalavai::coordinator
