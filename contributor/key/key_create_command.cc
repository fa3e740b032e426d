#include "contributor/key/key_create_command.h"

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/crypto/signing_key.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string out;
  std::string public_out;
  std::string curve = "P-256";
};

// The public half first: a stray one harms nobody, a private key without its half would be kept.
absl::Status SavePair(const SigningKey& key, const std::string& out,
                      const std::string& public_out) {
  const absl::Status saved = CreateFileAtomically(public_out, key.public_key().Pem(), 0644);
  if (absl::IsAlreadyExists(saved)) {
    return MakeError(absl::StatusCode::kAlreadyExists, "KEY_EXISTS",
                     {.what = absl::StrCat("public key file ", public_out, ": exists already"),
                      .why = "a key is never overwritten",
                      .fix = "name another file with --public-out, or move this one away",
                      .metadata = {{"path", public_out}}});
  }
  RETURN_IF_ERROR(saved);
  const absl::Status private_saved = key.SaveToFile(out);
  std::error_code ignored;
  if (!private_saved.ok()) std::filesystem::remove(public_out, ignored);
  return private_saved;
}

absl::Status Create(const Flags& flags, Console& console) {
  const std::string public_out =
      flags.public_out.empty() ? absl::StrCat(flags.out, ".pub") : flags.public_out;
  if (public_out == flags.out) {
    return UsageError("'--out' and '--public-out' name the same file", "name two files");
  }
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Create(flags.curve));
  RETURN_IF_ERROR(SavePair(key, flags.out, public_out));
  const std::string hint = key.public_key().Hint();
  console.Result({{"private_key", flags.out},
                  {"public_key", public_out},
                  {"curve", std::string(key.public_key().Curve())},
                  {"key_hint", hint}},
                 absl::StrCat("key hint ", hint, "\n  private key ", flags.out,
                              "   # keep it; never send it\n  public key  ", public_out));
  console.Note(
      absl::StrCat("next: kalavai checkpoint sign --private-key ", flags.out, " DIRECTORY"));
  return absl::OkStatus();
}

}  // namespace

Command MakeKeyCreateCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "key create",
          .summary = "make a key pair for signing",
          .details =
              "  kalavai key create --out key.pem            # and key.pem.pub\n"
              "  kalavai key create --out key.pem --curve P-384\n\n"
              "The private key is PKCS#8 PEM with mode 0600; a file is never overwritten. "
              "The hint is how a\nsignature names its key: SHA-256 of the public PEM.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("--out", flags->out, "the private key's file")->required();
                app.add_option("--public-out", flags->public_out,
                               "the public key's file [--out with .pub behind]");
                app.add_option("--curve", flags->curve, "P-256, P-384 or P-521")
                    ->check(CLI::IsMember({"P-256", "P-384", "P-521"}))
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return Create(*flags, console); }};
}

}  // namespace kalavai::contributor
