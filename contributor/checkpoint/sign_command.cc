#include "contributor/checkpoint/sign_command.h"

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "common/storage/atomic_file.h"
#include "contributor/checkpoint/resource_json.h"

namespace kalavai::contributor {
namespace {

namespace fs = std::filesystem;

struct Flags {
  std::string directory;
  std::string private_key;
  std::string signature;
};

// A key beside the weights would be signed, and published with them.
absl::Status RequireKeyOutside(const Flags& flags) {
  if (NameInDirectory(flags.directory, flags.private_key).empty()) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "PRIVATE_KEY_INSIDE",
      {.what = absl::StrCat("private key ", flags.private_key, ": lies in the directory to sign, ",
                            flags.directory, "; must lie outside"),
       .why = "whoever receives the directory would receive the key",
       .fix = absl::StrCat("move the key out of ", flags.directory, " and sign again"),
       .metadata = {{"path", flags.private_key}}});
}

// Signing again replaces a signature; it must not replace weights or a key by a slip of the hand.
absl::Status RequireSignatureOrNothing(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return absl::OkStatus();
  if (fs::is_regular_file(status)) {
    const auto text = ReadFileBounded(path, limits::kModelSignatureBytesMax);
    if (text.ok()) {
      const auto bundle = ReadJson(*text, {.bytes_max = limits::kModelSignatureBytesMax});
      if (bundle.ok() && bundle->is_object() && bundle->contains("dsseEnvelope")) {
        return absl::OkStatus();
      }
    }
  }
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SIGNATURE_PATH_TAKEN",
      {.what = absl::StrCat("signature file ", path, ": exists and is no model signature"),
       .why = "only an older signature is replaced",
       .fix = "name another file with --signature, or move this one away",
       .metadata = {{"path", path}}});
}

absl::Status Sign(const Flags& flags, Console& console) {
  const std::string path = flags.signature.empty()
                               ? absl::StrCat(flags.directory, "/", kModelSignatureFile)
                               : flags.signature;
  RETURN_IF_ERROR(RequireDirectory(flags.directory));
  RETURN_IF_ERROR(RequireKeyOutside(flags));
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::LoadFromFile(flags.private_key));
  RETURN_IF_ERROR(RequireSignatureOrNothing(path));
  ASSIGN_OR_RETURN(const ModelManifest manifest,
                   SignDirectory(key, flags.directory, {.signature_path = path}));
  const std::string root = manifest.root_digest.Hex();
  const std::string hint = key.public_key().Hint();
  console.Result(
      {{"signature", path},
       {"subject", manifest.subject},
       {"root_digest", root},
       {"payload_digest", manifest.payload_digest.Hex()},
       {"key_hint", hint},
       {"curve", std::string(key.public_key().Curve())},
       {"files", ToJson(manifest.resources)}},
      absl::StrCat("signed ", manifest.resources.size(), " files of ", flags.directory,
                   "\n  root digest ", root, "\n  key hint    ", hint, "\n  signature   ", path));
  console.Note(absl::StrCat("next: kalavai checkpoint verify --public-key PUBLIC --signature ",
                            path, " ", flags.directory));
  return absl::OkStatus();
}

}  // namespace

Command MakeCheckpointSignCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "checkpoint sign",
          .summary = "sign every file of a directory together",
          .details =
              "  kalavai key create --out key.pem\n"
              "  kalavai checkpoint sign --private-key key.pem DIR\n"
              "  kalavai checkpoint sign --private-key key.pem --signature DIR.sig DIR\n\n"
              "Writes an OpenSSF model signature (method key), which the Python package\n"
              "model-signing verifies: model_signing verify key --public_key key.pem.pub\n"
              "--signature DIR/model.sig DIR\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("DIR", flags->directory, "the directory")->required();
                app.add_option("--private-key", flags->private_key,
                               "PEM file, P-256, P-384 or P-521, mode 0600, outside DIR")
                    ->required();
                app.add_option("--signature", flags->signature,
                               "the file to write, inside or beside DIR [DIR/model.sig]");
              },
          .run = [flags](Console& console) { return Sign(*flags, console); }};
}

}  // namespace kalavai::contributor
