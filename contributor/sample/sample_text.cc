#include "contributor/sample/sample_text.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/document_list.h"
#include "common/corpus/probe_documents.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {

absl::StatusOr<SampleText> ReadSample(const std::vector<std::string>& files,
                                      absl::string_view domain) {
  SampleText sample;
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(files));
  sample.documents = Deduplicate(std::move(documents));
  if (sample.documents.size() < 2) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_EMPTY",
                     {.what = "sample: one document found; must hold at least two",
                      .why = "one part trains the router and another judges it",
                      .fix = "add documents: each line of a .jsonl is one; a .txt is cut at blank "
                             "lines, and short paragraphs are joined to up to 6,000 characters"});
  }
  for (const Document& document : sample.documents) {
    absl::StrAppend(&sample.lines, nlohmann::json({{"text", document.text}}).dump(), "\n");
    if (static_cast<int64_t>(sample.lines.size()) > kSampleBytesMax) {
      return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_TEXT_TOO_LARGE",
                       {.what = absl::StrCat("sample: more than ", kSampleBytesMax,
                                             " bytes found; must be at most that"),
                        .why = "every model reads all of it",
                        .fix = "share fewer documents: 64 chunks a part are enough"});
    }
  }
  ASSIGN_OR_RETURN(const DocumentSplit split, SplitProbeText(sample.lines, domain, "jsonl"));
  sample.digest = Sha256Of(sample.lines);
  sample.router_documents = static_cast<int64_t>(split.first.size());
  sample.evaluation_documents = static_cast<int64_t>(split.second.size());
  return sample;
}

absl::StatusOr<bool> CheckNotTrainedOn(const SampleText& sample, const Workspace& workspace) {
  const std::string path = workspace.TrainingDocumentsFile();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return false;
  ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(path, limits::kTextFileBytesMax));
  const absl::StatusOr<std::vector<Digest>> trained = ParseDocumentList(text);
  if (!trained.ok()) return Annotate(trained.status(), path);
  const auto both = std::count_if(
      sample.documents.begin(), sample.documents.end(), [&](const Document& document) {
        return std::binary_search(trained->begin(), trained->end(), document.digest);
      });
  if (both == 0) return true;
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_IS_TRAINING_TEXT",
      {.what =
           absl::StrCat("sample: ", both, " of its ", sample.documents.size(),
                        " documents were trained on in this workspace (", path, "); must be none"),
       .why = "a specialist measured on text it has learned by heart looks better than it is",
       .fix = "share documents that were kept out of training",
       .metadata = {{"documents", absl::StrCat(both)}}});
}

}  // namespace kalavai::contributor
