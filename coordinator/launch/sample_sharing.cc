#include "coordinator/launch/sample_sharing.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/corpus/probe_documents.h"
#include "common/probe/probe_text.h"
#include "common/probe/registered_text.h"
#include "common/rpc/resource_name.h"
#include "common/tokenizer/tokenizer.h"
#include "coordinator/blob_collector.h"

namespace kalavai::coordinator {
namespace {

constexpr absl::string_view kFormat = "jsonl";

absl::Status FieldError(absl::string_view field, absl::string_view what, absl::string_view fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat(field, ": ", what),
                    .fix = std::string(fix),
                    .metadata = {{"field", std::string(field)}}});
}

// How many documents of the text are among `trained`, ascending.
int64_t CountTrained(const DocumentSplit& split, const std::vector<Digest>& trained) {
  int64_t count = 0;
  for (const auto* const part : {&split.first, &split.second}) {
    count += std::count_if(part->begin(), part->end(), [&](const Document& document) {
      return std::binary_search(trained.begin(), trained.end(), document.digest);
    });
  }
  return count;
}

}  // namespace

std::vector<RegisteredText> TextFiles(const BlobStore& blobs,
                                      const std::vector<ProbeTextRow>& rows) {
  std::vector<RegisteredText> texts;
  for (const ProbeTextRow& row : rows) {
    texts.push_back({.domain = row.domain,
                     .public_class = row.public_class,
                     .format = row.format,
                     .path = blobs.Path(row.digest)});
  }
  return texts;
}

// A sample is never replaced, and one that gives too few chunks would stop every fusion. A
// cooperative that was launched has a base; nothing is known without.
absl::Status SampleSharing::CheckLength(const ProbeTextRow& row, const DocumentSplit& split) const {
  ASSIGN_OR_RETURN(const std::optional<BaseSummary> base, parts_.later.find_base(row.cooperative));
  if (!base.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CooperativeRow cooperative, parts_.cooperatives.Get(row.cooperative));
  for (const BaseSummary::File& file : base->files) {
    if (file.path != "tokenizer.json") continue;
    ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                     Tokenizer::Load(parts_.blobs.Path(file.digest)));
    ProbeDocuments documents = {.domain = row.domain};
    for (const auto* const part : {&split.first, &split.second}) {
      for (const Document& document : *part) documents.documents.push_back(document.text);
    }
    return BuildProbeText(*tokenizer, {&documents, 1}, {.chunk_tokens = cooperative.chunk_tokens})
        .status();
  }
  return absl::OkStatus();
}

absl::StatusOr<ProbeTextRow> SampleSharing::Check(const Header& header,
                                                  const Caller& caller) const {
  ASSIGN_OR_RETURN(const std::string cooperative, ParseCooperativeName(header.parent()));
  RETURN_IF_ERROR(caller.RequireMemberOf(cooperative));
  RETURN_IF_ERROR(parts_.cooperatives.GetFor(cooperative, CooperativeAct::kShareSample).status());
  ASSIGN_OR_RETURN(const ContributorRow member,
                   parts_.cooperatives.GetContributor(cooperative, caller.contributor));
  if (member.state != ContributorState::kActive) return PermissionDenied();
  if (header.public_class()) {
    return FieldError("public_class", "true found; a sample is of its member's domain",
                      "leave it out");
  }
  if (!header.domain().empty() && header.domain() != member.domain) {
    return FieldError("domain",
                      absl::StrCat("\"", absl::CHexEscape(header.domain().substr(0, 100)),
                                   "\" found; must be this member's own, ", member.domain),
                      "leave it out");
  }
  if (header.format() != kFormat) {
    return FieldError("format", "must be 'jsonl'", "send one object a line with the field text");
  }
  if (header.size_bytes() > kSampleBytesMax) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_TEXT_TOO_LARGE",
                     {.what = absl::StrCat("sample of ", header.size_bytes(),
                                           " bytes found; must be at most ", kSampleBytesMax),
                      .why = "every model reads all of it",
                      .fix = "share fewer documents: 64 chunks a part are enough"});
  }
  ASSIGN_OR_RETURN(const std::vector<ProbeTextRow> texts,
                   parts_.cooperatives.ListProbeTexts(cooperative));
  for (const ProbeTextRow& text : texts) {
    if (text.domain != member.domain) continue;
    return MakeError(
        absl::StatusCode::kAlreadyExists, "PROBE_TEXT_EXISTS",
        {.what = absl::StrCat("probe text of domain ", member.domain, ": there is some, ",
                              text.contributor.empty() ? "the charter's" : "a member's sample",
                              "; must be none"),
         .why = "a domain is measured on one text, which everybody knows by its digest",
         .fix = "share nothing: the domain is measured on the text it has",
         .metadata = {{"domain", member.domain}, {"sha256", text.digest.Hex()}}});
  }
  return ProbeTextRow{.cooperative = cooperative,
                      .domain = member.domain,
                      .format = std::string(kFormat),
                      .digest = {},
                      .contributor = member.id};
}

absl::StatusOr<ProbeTextRow> SampleSharing::Store(const Header& header, const std::string& text,
                                                  const Caller& caller) const {
  ASSIGN_OR_RETURN(ProbeTextRow row, Check(header, caller));
  ASSIGN_OR_RETURN(const DocumentSplit split, SplitProbeText(text, row.domain, row.format));
  row.size_bytes = static_cast<int64_t>(text.size());
  row.router_documents = static_cast<int64_t>(split.first.size());
  row.evaluation_documents = static_cast<int64_t>(split.second.size());
  ASSIGN_OR_RETURN(const std::vector<Digest> trained,
                   parts_.later.find_training_documents(caller.Name()));
  if (const int64_t both = CountTrained(split, trained); both > 0) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_IS_TRAINING_TEXT",
        {.what = absl::StrCat("sample: ", both, " of its ",
                              row.router_documents + row.evaluation_documents,
                              " documents are among those that ", caller.Name(),
                              " reported as trained on; must be none"),
         .why = "a specialist measured on text it has learned by heart looks better than it is",
         .fix = "share documents that were kept out of training",
         .metadata = {{"domain", row.domain}, {"documents", absl::StrCat(both)}}});
  }
  RETURN_IF_ERROR(CheckLength(row, split));
  ASSIGN_OR_RETURN(std::vector<ProbeTextRow> others,
                   parts_.cooperatives.ListProbeTexts(row.cooperative));
  // Another member's sample is not compared: the answer would tell what the other has.
  std::erase_if(others, [](const ProbeTextRow& other) { return !other.contributor.empty(); });
  RETURN_IF_ERROR(CheckDocumentsApart(row.domain, split, TextFiles(parts_.blobs, others)));
  ASSIGN_OR_RETURN(row.digest, parts_.blobs.PutBytes(text));
  const absl::Status changed = parts_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(Check(header, caller).status());  // phase, member and text as they are now
    RETURN_IF_ERROR(parts_.blobs.Size(row.digest).status());  // the blob may have been collected
    RETURN_IF_ERROR(parts_.cooperatives.InsertSample(row, parts_.clock.Now()));
    return parts_.audit
        .Append(caller.Name(), "SHARE_SAMPLE", caller.Name(),
                {{"domain", row.domain},
                 {"sha256", row.digest.Hex()},
                 {"bytes", row.size_bytes},
                 {"documents", row.router_documents + row.evaluation_documents}})
        .status();
  });
  if (!changed.ok()) {  // the text of somebody who was refused, unless another row has the same
    RETURN_IF_ERROR(
        BlobCollector(parts_.database, parts_.blobs).Collect({&row.digest, 1}).status());
    return changed;
  }
  return row;
}

}  // namespace kalavai::coordinator
