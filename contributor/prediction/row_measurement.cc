#include "contributor/prediction/row_measurement.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/corpus/document_list.h"
#include "common/corpus/probe_documents.h"
#include "common/crypto/resource_list.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"
#include "contributor/prediction/domain_text.h"
#include "contributor/training/model_evaluation.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::contributor {
namespace {

using Stub = v1::CooperativeAdmin::Stub;

constexpr mode_t kPrivateFile = 0600;
constexpr char kAgain[] = "run 'kalavai predict --rows' again: it goes on where it was";

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

absl::StatusOr<std::vector<Digest>> TrainedDocuments(const Workspace& workspace) {
  const std::string path = workspace.TrainingDocumentsFile();
  if (!Exists(path)) return std::vector<Digest>{};
  ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(path, limits::kTextFileBytesMax));
  absl::StatusOr<std::vector<Digest>> trained = ParseDocumentList(text);
  if (!trained.ok()) return Annotate(trained.status(), path);
  return trained;
}

absl::StatusOr<std::string> ReadOnce(Stub& stub, const CoordinatorConnection& coordinator,
                                     const std::string& domain) {
  v1::ReadProbeTextRequest request;
  request.set_parent(coordinator.membership.cooperative);
  request.set_domain(domain);
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(limits::kLongCallSeconds));
  const auto reader = stub.ReadProbeText(&context, request);
  v1::ReadProbeTextResponse piece;
  std::string lines;
  absl::Status local;
  while (local.ok() && reader->Read(&piece)) {
    lines += piece.data();
    if (static_cast<int64_t>(lines.size()) > kProbeReadBytesMax) {
      local = absl::DataLossError(absl::StrCat("probe text of ", domain, ": longer than agreed"));
    } else if (Interrupted()) {
      local = InterruptedError(kAgain);
    }
  }
  if (!local.ok()) context.TryCancel();
  const absl::Status remote = CallStatus(reader->Finish(), coordinator.address());
  if (!local.ok()) return local;
  if (!remote.ok()) return remote;
  return lines;
}

absl::StatusOr<std::string> ReadLines(Stub& stub, const CoordinatorConnection& coordinator,
                                      const std::string& domain) {
  std::string lines;
  RETURN_IF_ERROR(Retry({}, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(lines, ReadOnce(stub, coordinator, domain));
    return absl::OkStatus();
  }));
  return lines;
}

// One domain's own trouble, which leaves the others measurable.
bool IsOfDomain(const absl::Status& status) {
  const std::string reason = GetErrorReason(status);
  return reason == "PROBE_TEXT_PRIVATE" || reason == "PROBE_TEXT_NOT_FOUND" ||
         reason == "PROBE_TEXT_TRAINED_ON" || reason == "TOO_LITTLE_TEXT";
}

struct Texts {
  std::vector<DomainText> texts;
  std::vector<RefusedDomain> refused;
};

absl::StatusOr<Texts> ReadTexts(const Workspace& workspace,
                                const CoordinatorConnection& coordinator, const std::string& base,
                                const RowOptions& options) {
  const auto stub = v1::CooperativeAdmin::NewStub(coordinator.channel);
  v1::ListProbeTextsRequest request;
  request.set_parent(coordinator.membership.cooperative);
  ASSIGN_OR_RETURN(const v1::ListProbeTextsResponse listed,
                   CallUnary(coordinator.address(), *stub, &Stub::ListProbeTexts, request));
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                   Tokenizer::Load(absl::StrCat(base, "/tokenizer.json")));
  ASSIGN_OR_RETURN(const std::vector<Digest> trained, TrainedDocuments(workspace));
  Texts found;
  for (const v1::ProbeText& text : listed.probe_texts()) {
    if (text.public_class()) continue;  // nobody's: no gain is averaged over it
    const auto build = [&]() -> absl::StatusOr<DomainText> {
      ASSIGN_OR_RETURN(const std::string lines, ReadLines(*stub, coordinator, text.domain()));
      return BuildDomainText(
          *tokenizer, text.domain(), lines, trained,
          {.chunk_tokens = coordinator.membership.chunk_tokens, .chunks_max = options.chunks_max});
    };
    absl::StatusOr<DomainText> built = build();
    if (built.ok()) {
      found.texts.push_back(*std::move(built));
    } else if (IsOfDomain(built.status())) {
      found.refused.push_back({.domain = text.domain(), .status = built.status()});
    } else {
      return built.status();
    }
  }
  if (!found.texts.empty()) return found;
  if (!found.refused.empty()) return found.refused.front().status;
  return MakeError(absl::StatusCode::kNotFound, "PROBE_TEXT_NOT_FOUND",
                   {.what = "probe text: none of any domain found; must be some",
                    .why = "rows are measured on text that the launcher chose for everybody",
                    .fix = "leave --rows out; without it two losses are reported"});
}

absl::Status Save(const Workspace& workspace, const MeasuredRow& row) {
  return WriteFileAtomically(workspace.MeasuredRowFile(), FormatMeasuredRow(row), kPrivateFile);
}

// The texts that `losses` of the row lacks, run through one model; kept after each.
absl::Status Measure(const Workspace& workspace, const std::string& directory,
                     const std::string& model, std::vector<double> MeasuredDomain::*losses,
                     const std::vector<DomainText>& texts, const RowOptions& options,
                     MeasuredRow& row) {
  std::vector<ChunkedText> wanted;
  std::vector<std::string> domains;
  for (const DomainText& text : texts) {
    if (!(row.Entry(text).*losses).empty()) continue;
    wanted.push_back({.name = absl::StrCat(model, " on ", text.domain), .chunks = text.chunks});
    domains.push_back(text.domain);
  }
  if (wanted.empty()) return absl::OkStatus();
  return MeasureChunks(directory, wanted, {.device = options.device, .progress = options.progress},
                       [&](size_t text, std::vector<double> measured) {
                         row.domains[domains[text]].*losses = std::move(measured);
                         return Save(workspace, row);
                       });
}

absl::StatusOr<std::string> DirectoryDigest(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<Resource> files, EnumerateDirectory(directory));
  return RootDigest(files).Hex();
}

absl::StatusOr<std::optional<MeasuredRow>> ReadRow(const Workspace& workspace) {
  const std::string path = workspace.MeasuredRowFile();
  if (!Exists(path)) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(path, limits::kJsonBytesMax));
  absl::StatusOr<MeasuredRow> row = ParseMeasuredRow(text);
  if (!row.ok()) return Annotate(row.status(), path);
  return *std::move(row);
}

}  // namespace

absl::StatusOr<RowOutcome> MeasureRow(const Workspace& workspace,
                                      const CoordinatorConnection& coordinator,
                                      const RowOptions& options) {
  ASSIGN_OR_RETURN(const std::string base, workspace.VerifiedBase());
  ASSIGN_OR_RETURN(const std::string specialist, workspace.ReportedSpecialist());
  ASSIGN_OR_RETURN(const std::string specialist_digest, DirectoryDigest(specialist));
  ASSIGN_OR_RETURN(Texts texts, ReadTexts(workspace, coordinator, base, options));
  RowOutcome outcome{.refused = std::move(texts.refused)};
  // A damaged file is what a new measurement replaces.
  const absl::StatusOr<std::optional<MeasuredRow>> earlier = ReadRow(workspace);
  if (earlier.ok() && earlier->has_value()) outcome.row = **earlier;
  MeasuredRow& row = outcome.row;
  row.KeepOnly(coordinator.membership.base_digest, specialist_digest);
  std::erase_if(row.domains, [&](const auto& entry) {
    return std::none_of(texts.texts.begin(), texts.texts.end(),
                        [&](const DomainText& text) { return text.domain == entry.first; });
  });
  for (const DomainText& text : texts.texts) row.Entry(text);
  RETURN_IF_ERROR(
      Measure(workspace, base, "base", &MeasuredDomain::base, texts.texts, options, row));
  RETURN_IF_ERROR(Measure(workspace, specialist, "specialist", &MeasuredDomain::own, texts.texts,
                          options, row));
  RETURN_IF_ERROR(Save(workspace, row));
  return outcome;
}

absl::StatusOr<std::optional<MeasuredRow>> SavedRow(const Workspace& workspace) {
  ASSIGN_OR_RETURN(std::optional<MeasuredRow> row, ReadRow(workspace));
  if (!row.has_value()) return row;
  ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());
  const absl::StatusOr<std::string> specialist = workspace.ReportedSpecialist();
  if (!specialist.ok()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string digest, DirectoryDigest(*specialist));
  if (row->base != member.base_digest || row->specialist != digest) return std::nullopt;
  return row;
}

}  // namespace kalavai::contributor
