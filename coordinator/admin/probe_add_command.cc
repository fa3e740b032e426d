#include "coordinator/admin/probe_add_command.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/documents.h"
#include "common/crypto/sha256.h"
#include "common/rpc/channel.h"
#include "common/rpc/resource_name.h"
#include "common/storage/atomic_file.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string domain;
  std::string file;
  bool public_class = false;
};

absl::Status Send(const AdminConnection& connection, const v1::AddProbeTextRequest::Header& header,
                  const std::string& text, Console& console, v1::ProbeText& added) {
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  grpc::ClientContext context;
  SetDeadline(context, kLongCallTimeout);
  const auto writer = stub->AddProbeText(&context, &added);
  v1::AddProbeTextRequest request;
  *request.mutable_header() = header;
  bool open = writer->Write(request);
  Progress progress(console, "Sending", static_cast<int64_t>(text.size()), "bytes");
  constexpr auto kPiece = static_cast<size_t>(limits::kTextChunkBytes);
  for (size_t sent = 0; open && sent < text.size(); sent += kPiece) {
    request.set_data(text.substr(sent, kPiece));
    open = writer->Write(request);
    progress.Update(static_cast<int64_t>(std::min(sent + kPiece, text.size())));
  }
  if (open) writer->WritesDone();
  return CallStatus(writer->Finish(), connection.address);
}

absl::Status AddProbe(const Flags& flags, Console& console) {
  // Read here first: the server would say the same, after the transfer.
  RETURN_IF_ERROR(ReadDocuments(flags.file).status());
  ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(flags.file, limits::kProbeTextBytesMax));
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  v1::AddProbeTextRequest::Header header;
  header.set_parent(CooperativeName(flags.cooperative));
  header.set_domain(flags.domain);
  header.set_public_class(flags.public_class);
  header.set_format(absl::EndsWith(flags.file, ".jsonl") ? "jsonl" : "txt");
  header.set_size_bytes(static_cast<int64_t>(text.size()));
  header.set_sha256(Sha256Of(text).Hex());
  v1::ProbeText added;
  RETURN_IF_ERROR(Send(connection, header, text, console, added));
  console.Result(
      MessageJson(added),
      absl::StrCat("Registered probe text of ", added.domain(), ": ", added.router_documents(),
                   " documents for the router, ", added.evaluation_documents(), " for evaluation"));
  console.Note(
      absl::StrCat("Next: the other domains, then kalavai-coordinator coop launch "
                   "--cooperative ",
                   flags.cooperative));
  return absl::OkStatus();
}

}  // namespace

Command MakeProbeAddCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "coop probe add",
          .summary = "register public text of a domain, for router and evaluation",
          .details =
              "  kalavai-coordinator coop probe add --cooperative nordic --domain legal "
              "--file eurlex-sample.jsonl\n"
              "  kalavai-coordinator coop probe add --cooperative nordic --public-class "
              "--domain public --file wiki.txt\n\n"
              "Never training text. 64 chunks a domain are enough.\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("--domain", flags->domain, "one of the cooperative's domains")
                    ->required();
                app.add_option("--file", flags->file, ".jsonl (field text) or .txt")->required();
                app.add_flag("--public-class", flags->public_class,
                             "text of the base's own ground, no member's; --domain names it");
              },
          .run = [flags](Console& console) { return AddProbe(*flags, console); }};
}

}  // namespace kalavai::coordinator
