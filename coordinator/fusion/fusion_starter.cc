#include "coordinator/fusion/fusion_starter.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/document_list.h"
#include "common/corpus/probe_documents.h"
#include "common/crypto/sha256.h"
#include "common/probe/registered_text.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

namespace {

// The digests of a probe text's documents, both parts.
absl::StatusOr<std::set<Digest>> DocumentsOf(const BlobStore& blobs, const ProbeTextRow& text) {
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Read(text.digest, 0, limits::kProbeTextBytesMax));
  ASSIGN_OR_RETURN(const DocumentSplit split, SplitProbeText(bytes, text.domain, text.format));
  std::set<Digest> documents;
  for (const auto* const part : {&split.first, &split.second}) {
    for (const Document& document : *part) documents.insert(document.digest);
  }
  return documents;
}

absl::Status CheckTrainingText(const BlobStore& blobs, SubmissionStore& submissions,
                               const FusionPlan& plan) {
  std::map<std::string, std::vector<Digest>> reported;
  for (const FusionExpert& expert : plan.experts) {
    if (expert.submission.empty()) continue;
    ASSIGN_OR_RETURN(const SubmissionRecord record, submissions.Get(expert.submission));
    for (const SubmissionFile& file : record.files) {
      if (file.path != kTrainingDocumentsFile) continue;
      ASSIGN_OR_RETURN(const std::string text, blobs.Read(file.digest, 0, kDocumentListBytesMax));
      ASSIGN_OR_RETURN(reported[expert.submission], ParseDocumentList(text));
    }
  }
  if (reported.empty()) return absl::OkStatus();
  for (const ProbeTextRow& text : plan.probe_texts) {
    ASSIGN_OR_RETURN(const std::set<Digest> documents, DocumentsOf(blobs, text));
    for (const auto& [submission, digests] : reported) {
      const auto both = std::count_if(digests.begin(), digests.end(), [&](const Digest& digest) {
        return documents.contains(digest);
      });
      if (both == 0) continue;
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_IS_TRAINING_TEXT",
          {.what =
               absl::StrCat("probe text of ", text.domain, ": ", both, " of its ", documents.size(),
                            " documents are training text of ", submission, "; must be none"),
           .why = "a specialist measured on text it has learned by heart looks better than it is",
           .fix = "leave that submission out, or found the cooperative with other probe text",
           .metadata = {{"submission", submission},
                        {"domain", text.domain},
                        {"documents", absl::StrCat(both)}}});
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTexts(const BlobStore& blobs, const FusionPlan& plan) {
  ChunkingFiles base;
  for (const BlobFile& file : plan.expert_files[0]) {
    if (file.path == "config.json") base.config = blobs.Path(file.digest);
    if (file.path == "tokenizer.json") base.tokenizer = blobs.Path(file.digest);
  }
  std::vector<RegisteredText> texts;
  for (const ProbeTextRow& text : plan.probe_texts) {
    texts.push_back({.domain = text.domain,
                     .public_class = text.public_class,
                     .format = text.format,
                     .path = blobs.Path(text.digest)});
  }
  return CheckTextsMeasurable(base, texts, plan.inputs.chunk_tokens);
}

}  // namespace

absl::StatusOr<FusionRecord> FusionStarter::Start(const StartRequest& request) const {
  const FusionWish& wish = request.wish;
  if (!request.id.empty()) RETURN_IF_ERROR(CheckId(request.id, "fusion_id"));
  ASSIGN_OR_RETURN(const FusionPlan plan, PlanFusion(dependencies_.sources, wish));
  RETURN_IF_ERROR(CheckBytes(dependencies_.blobs, plan));
  RETURN_IF_ERROR(dependencies_.worker.CheckFits(plan));
  RETURN_IF_ERROR(CheckTrainingText(dependencies_.blobs, dependencies_.sources.submissions, plan));
  RETURN_IF_ERROR(CheckTexts(dependencies_.blobs, plan));
  FusionRecord record;
  record.cooperative = CooperativeName(wish.cooperative);
  record.seed = wish.seed;
  record.steps = wish.steps;
  record.threads = wish.threads;
  record.mixture = wish.mixture;
  record.weight_average = request.weight_average;
  record.input_json = ReportInputsJson(plan.inputs);
  record.experts = plan.experts;
  record.samples = plan.samples;
  record.references = wish.references;
  record.create_time = dependencies_.clock.Now();
  const absl::Status created = dependencies_.database.Transact([&]() -> absl::Status {
    std::string id = request.id;
    if (id.empty()) {
      ASSIGN_OR_RETURN(id, dependencies_.fusions.NextId(record.cooperative));
    }
    record.name = FusionName(wish.cooperative, id);
    if (request.validate_only) return absl::OkStatus();
    RETURN_IF_ERROR(dependencies_.fusions.Create(record));
    nlohmann::json fields = {{"seed", record.seed},
                             {"inputs_digest", Sha256Of(record.input_json).Hex()}};
    if (!request.replaces.empty()) fields["replaces"] = request.replaces;
    RETURN_IF_ERROR(
        dependencies_.audit.Append(request.actor, "CREATE_FUSION", record.name, fields).status());
    return request.within ? request.within(record.name) : absl::OkStatus();
  });
  RETURN_IF_ERROR(created);
  if (!request.validate_only) RETURN_IF_ERROR(dependencies_.worker.Wake());
  return record;
}

}  // namespace kalavai::coordinator
