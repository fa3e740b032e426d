#include "contributor/checkpoint/verify_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "common/storage/atomic_file.h"
#include "contributor/checkpoint/resource_json.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string directory;
  std::string public_key;
  std::string signature;
};

absl::Status Verify(const Flags& flags, Console& console) {
  RETURN_IF_ERROR(RequireDirectory(flags.directory));
  ASSIGN_OR_RETURN(const std::string pem, ReadFileBounded(flags.public_key, limits::kJsonBytesMax));
  const auto key = PublicKey::FromPem(pem);
  if (!key.ok()) return Annotate(key.status(), absl::StrCat("public key ", flags.public_key));
  ASSIGN_OR_RETURN(const ModelManifest manifest,
                   VerifyDirectory(flags.directory, *key, flags.signature));
  const std::string root = manifest.root_digest.Hex();
  console.Result(
      {{"accepted", true},
       {"subject", manifest.subject},
       {"root_digest", root},
       {"payload_digest", manifest.payload_digest.Hex()},
       {"key_hint", key->Hint()},
       {"curve", std::string(key->Curve())},
       {"files", ToJson(manifest.resources)}},
      absl::StrCat("accepted: ", flags.directory, ", ", manifest.resources.size(),
                   " files as signed\n  root digest ", root, "\n  key hint    ", key->Hint()));
  return absl::OkStatus();
}

}  // namespace

Command MakeCheckpointVerifyCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "checkpoint verify",
          .summary = "check that a directory is what was signed",
          .details =
              "  kalavai checkpoint verify --public-key key.pem.pub DIR\n"
              "  kalavai checkpoint verify --public-key key.pem.pub --signature DIR.sig DIR\n\n"
              "Exit code 0: every file is signed and unchanged, none is missing or added; 1: "
              "refused, with\nthe reason. Get the public key from its owner, never from the place "
              "the directory came from.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("DIR", flags->directory, "the directory")->required();
                app.add_option("--public-key", flags->public_key, "PEM file of the signer's key")
                    ->required();
                app.add_option("--signature", flags->signature,
                               "the signature, inside or beside DIR [DIR/model.sig]");
              },
          .run = [flags](Console& console) { return Verify(*flags, console); }};
}

}  // namespace kalavai::contributor
