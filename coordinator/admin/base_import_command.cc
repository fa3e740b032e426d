#include "coordinator/admin/base_import_command.h"

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/message_json.h"
#include "kalavai/v1/cooperative.grpc.pb.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string cooperative;
  std::string directory;
};

absl::Status ImportBase(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags.admin));
  const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
  v1::ImportCheckpointRequest request;
  request.set_parent(CooperativeName(flags.cooperative));
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(flags.directory, error);
  request.set_source_directory(error ? flags.directory : absolute.lexically_normal().string());
  console.Note("Importing: every byte is hashed and copied on the coordinator");
  ASSIGN_OR_RETURN(
      const v1::Cooperative cooperative,
      CallUnary(connection.address, *stub, &v1::CooperativeAdmin::Stub::ImportCheckpoint, request,
                {.attempts = 1}, kLongCallTimeout));
  std::string files;
  for (const v1::FileDigest& file : cooperative.base_files()) {
    absl::StrAppend(&files, "\n  ", file.path(), "  ", HumanBytes(file.size_bytes()));
  }
  console.Result(MessageJson(cooperative),
                 absl::StrCat("Imported the base of ", cooperative.name(), "\n  root digest  ",
                              cooperative.base_digest(), files));
  console.Note(absl::StrCat("Next: kalavai-coordinator coop probe add --cooperative ",
                            flags.cooperative, " --domain ", cooperative.domains(0),
                            " --file TEXT.jsonl"));
  return absl::OkStatus();
}

}  // namespace

Command MakeBaseImportCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "base import",
          .summary = "make a checkpoint directory the canonical base",
          .details =
              "  kalavai-coordinator base import --cooperative nordic ./pythia-160m\n\n"
              "The directory is on the coordinator's machine, in Hugging Face form.\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddCooperativeFlag(app, flags->cooperative);
                app.add_option("directory", flags->directory,
                               "config.json, tokenizer.json and safetensors weights")
                    ->required();
              },
          .run = [flags](Console& console) { return ImportBase(*flags, console); }};
}

}  // namespace kalavai::coordinator
