#include "coordinator/launch/router_part.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/probe_documents.h"
#include "common/rpc/resource_name.h"
#include "common/storage/atomic_file.h"

namespace kalavai::coordinator {

absl::StatusOr<std::string> RouterPartLines(absl::string_view bytes, absl::string_view domain,
                                            absl::string_view format, int64_t bytes_max) {
  ASSIGN_OR_RETURN(DocumentSplit split, SplitProbeText(bytes, domain, format));
  std::sort(split.first.begin(), split.first.end(),
            [](const Document& a, const Document& b) { return a.digest < b.digest; });
  std::string lines;
  for (const Document& document : split.first) {
    const std::string line = absl::StrCat(nlohmann::json({{"text", document.text}}).dump(), "\n");
    if (static_cast<int64_t>(lines.size() + line.size()) > bytes_max) continue;
    lines += line;
  }
  return lines;
}

absl::StatusOr<ProbeTextRow> RouterParts::Check(const v1::ReadProbeTextRequest& request,
                                                const Caller& caller) const {
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(request.parent()));
  RETURN_IF_ERROR(caller.RequireMemberOf(cooperative));
  RETURN_IF_ERROR(cooperatives_.GetFor(cooperative, CooperativeAct::kMeasure).status());
  ASSIGN_OR_RETURN(const ContributorRow member,
                   cooperatives_.GetContributor(cooperative, caller.contributor));
  if (member.state != ContributorState::kActive) return PermissionDenied();
  ASSIGN_OR_RETURN(const std::vector<ProbeTextRow> texts,
                   cooperatives_.ListProbeTexts(cooperative));
  const auto text = std::find_if(texts.begin(), texts.end(), [&](const ProbeTextRow& candidate) {
    return candidate.domain == request.domain();
  });
  const std::string shown = absl::CHexEscape(request.domain().substr(0, 100));
  if (text == texts.end()) {
    return MakeError(absl::StatusCode::kNotFound, "PROBE_TEXT_NOT_FOUND",
                     {.what = absl::StrCat("domain \"", shown,
                                           "\": no probe text; must be a domain of the charter "
                                           "with text, or a public class"),
                      .fix = "ListProbeTexts lists what there is",
                      .metadata = {{"domain", shown}}});
  }
  if (!text->contributor.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_PRIVATE",
                     {.what = absl::StrCat("probe text of domain ", shown, ": a sample of ",
                                           ContributorName(cooperative, text->contributor),
                                           "; must be the launcher's"),
                      .why = "a member who shares a sample is promised that only the launcher "
                             "reads it",
                      .fix = "measure the other domains",
                      .metadata = {{"domain", shown}}});
  }
  return *text;
}

absl::StatusOr<std::shared_ptr<const std::string>> RouterParts::Read(const ProbeTextRow& text) {
  const std::string key = absl::StrCat(text.digest.Hex(), ".", text.format);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (std::shared_ptr<const std::string> held = lines_[key].lock()) return held;
  }
  ASSIGN_OR_RETURN(const std::string bytes,
                   ReadFileBounded(blobs_.Path(text.digest), limits::kProbeTextBytesMax));
  ASSIGN_OR_RETURN(std::string lines,
                   RouterPartLines(bytes, text.domain, text.format, kProbeReadBytesMax));
  auto shared = std::make_shared<const std::string>(std::move(lines));
  const std::lock_guard<std::mutex> lock(mutex_);
  lines_[key] = shared;
  return shared;
}

}  // namespace kalavai::coordinator
