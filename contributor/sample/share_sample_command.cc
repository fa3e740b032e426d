#include "contributor/sample/share_sample_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "contributor/coordinator_connection.h"
#include "contributor/egress_receipt.h"
#include "contributor/sample/sample_text.h"
#include "contributor/workspace.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::contributor {
namespace {

using Stub = v1::CooperativeAdmin::Stub;
constexpr char kSampleFile[] = "sample.jsonl";  // how receipts name the bytes

struct Flags {
  std::string workspace;
  std::vector<std::string> files;
  bool yes = false;
};

nlohmann::json ToJson(const SampleText& sample, const Membership& member) {
  nlohmann::json documents = nlohmann::json::array();
  for (const Document& document : sample.documents) {
    documents.push_back({{"sha256", document.digest.Hex()}, {"size_bytes", document.text.size()}});
  }
  return {{"shared", false},
          {"contributor", member.contributor},
          {"domain", member.domain},
          {"sha256", sample.digest.Hex()},
          {"bytes", sample.lines.size()},
          {"documents", documents},
          {"router_documents", sample.router_documents},
          {"evaluation_documents", sample.evaluation_documents}};
}

std::string Describe(const SampleText& sample, const Membership& member) {
  std::string text = absl::StrCat("would give away, as probe text of ", member.domain, ", ",
                                  sample.lines.size(), " bytes, and nothing else:\n");
  for (const Document& document : sample.documents) {
    absl::StrAppendFormat(&text, "  %9d  %s\n", document.text.size(), document.digest.Hex());
  }
  absl::StrAppend(
      &text, sample.documents.size(), " documents: ", sample.router_documents, " for the router, ",
      sample.evaluation_documents,
      " for evaluation\nthe launcher can read it; it is deleted when this member leaves");
  return text;
}

// Asked before anything is written or sent: what would be refused must not look sent.
absl::Status RequireNoText(Stub& stub, const CoordinatorConnection& coordinator) {
  v1::ListProbeTextsRequest request;
  request.set_parent(coordinator.membership.cooperative);
  ASSIGN_OR_RETURN(const v1::ListProbeTextsResponse texts,
                   CallUnary(coordinator.address(), stub, &Stub::ListProbeTexts, request));
  for (const v1::ProbeText& text : texts.probe_texts()) {
    if (text.domain() != coordinator.membership.domain) continue;
    return MakeError(
        absl::StatusCode::kAlreadyExists, "PROBE_TEXT_EXISTS",
        {.what = absl::StrCat("probe text of domain ", text.domain(), ": there is some, ",
                              text.contributor().empty()
                                  ? "the charter's"
                                  : absl::StrCat("a sample of ", text.contributor()),
                              "; must be none. Nothing was sent"),
         .why = "a domain is measured on one text, which everybody knows by its digest",
         .fix = "share nothing: the domain is measured on the text it has",
         .metadata = {{"domain", text.domain()}, {"sha256", text.sha256()}}});
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ProbeText> Send(Stub& stub, const CoordinatorConnection& coordinator,
                                   const SampleText& sample) {
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(limits::kLongCallSeconds));
  v1::ProbeText added;
  const auto writer = stub.ShareSample(&context, &added);
  v1::AddProbeTextRequest request;
  v1::AddProbeTextRequest::Header& header = *request.mutable_header();
  header.set_parent(coordinator.membership.cooperative);
  header.set_domain(coordinator.membership.domain);
  header.set_format("jsonl");
  header.set_size_bytes(static_cast<int64_t>(sample.lines.size()));
  header.set_sha256(sample.digest.Hex());
  bool open = writer->Write(request);
  constexpr auto kPiece = static_cast<size_t>(limits::kTextChunkBytes);
  for (size_t sent = 0; open && sent < sample.lines.size(); sent += kPiece) {
    request.set_data(sample.lines.substr(sent, kPiece));
    open = writer->Write(request);
  }
  if (open) writer->WritesDone();
  RETURN_IF_ERROR(CallStatus(writer->Finish(), coordinator.address()));
  return added;
}

absl::Status ShareSample(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());
  ASSIGN_OR_RETURN(const SampleText sample, ReadSample(flags.files, member.domain));
  ASSIGN_OR_RETURN(const bool known, CheckNotTrainedOn(sample, workspace));
  if (!known) {
    console.Note(
        "nothing was trained here, so nothing could be compared: never share text that "
        "a specialist of yours learns from");
  }
  nlohmann::json result = ToJson(sample, member);
  if (!flags.yes) {
    console.Result(result, Describe(sample, member));
    return UsageError("share-sample: not confirmed; nothing was sent",
                      "read the list; --yes sends exactly that, and it cannot be taken back");
  }
  ASSIGN_OR_RETURN(const CoordinatorConnection coordinator, Connect(workspace));
  const auto stub = v1::CooperativeAdmin::NewStub(coordinator.channel);
  RETURN_IF_ERROR(RequireNoText(*stub, coordinator));
  ASSIGN_OR_RETURN(
      const std::string receipt,
      SaveEgressReceipt(workspace, coordinator.membership,
                        {.act = "share-sample",
                         .subject = member.contributor,
                         .items = {{.path = kSampleFile,
                                    .size_bytes = static_cast<int64_t>(sample.lines.size()),
                                    .digest = sample.digest}}}));
  ASSIGN_OR_RETURN(const v1::ProbeText added, Send(*stub, coordinator, sample));
  result["shared"] = true;
  result["router_documents"] = added.router_documents();
  result["evaluation_documents"] = added.evaluation_documents();
  result["egress_receipt"] = receipt;
  console.Result(result, absl::StrCat("shared as probe text of ", added.domain(), ": ",
                                      added.router_documents(), " documents for the router, ",
                                      added.evaluation_documents(), " for evaluation\n  sha256 ",
                                      added.sha256(), "\n  sent ", sample.lines.size(),
                                      " bytes, listed in ", receipt));
  return absl::OkStatus();
}

}  // namespace

Command MakeShareSampleCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "share-sample",
          .summary = "give text away as probe text of your own domain; never training text",
          .details =
              "  kalavai share-sample public-cases.jsonl         # lists it, sends nothing\n"
              "  kalavai share-sample public-cases.jsonl --yes\n"
              "Only for a domain without probe text (kalavai-coordinator coop show). The "
              "launcher\ncan read it. It is deleted when this member withdraws.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("files", flags->files,
                               ".jsonl (only the field text leaves) or .txt, at most 4 MiB in all")
                    ->required()
                    ->type_name("FILE");
                app.add_flag("--yes", flags->yes, "send it; without, the list of what would leave");
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return ShareSample(*flags, console); }};
}

}  // namespace kalavai::contributor
