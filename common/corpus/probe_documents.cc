#include "common/corpus/probe_documents.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {

absl::StatusOr<DocumentSplit> SplitProbeText(absl::string_view bytes, absl::string_view domain,
                                             absl::string_view format) {
  const std::string name = absl::StrCat("probe-", domain, ".", format);
  ASSIGN_OR_RETURN(std::vector<Document> documents, ParseDocuments(bytes, name));
  DocumentSplit split = SplitByHash(Deduplicate(std::move(documents)), kProbeSplit, kRouterShare);
  if (split.first.empty() || split.second.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_EMPTY",
                     {.what = absl::StrCat(name, ": one document found; must hold at least two"),
                      .why = "one part trains the router and another judges it",
                      .fix = "add documents; in .txt they are separated by blank lines",
                      .metadata = {{"domain", std::string(domain)}}});
  }
  return split;
}

}  // namespace kalavai
