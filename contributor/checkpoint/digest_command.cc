#include "contributor/checkpoint/digest_command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include <CLI/CLI.hpp>

#include "common/base/status_macros.h"
#include "common/crypto/model_signature.h"
#include "contributor/checkpoint/resource_json.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string directory;
  std::string signature;
};

// The Python package lists by path components, the specification by the joined name: 'a/x' stands
// before 'a.json' there and after it here. The root digest is then another one, equally valid.
bool OrderedAlike(const std::vector<Resource>& resources) {
  return std::is_sorted(resources.begin(), resources.end(),
                        [](const Resource& a, const Resource& b) {
                          return std::vector<std::string>(absl::StrSplit(a.name, '/')) <
                                 std::vector<std::string>(absl::StrSplit(b.name, '/'));
                        });
}

absl::Status PrintDigest(const Flags& flags, Console& console) {
  RETURN_IF_ERROR(RequireDirectory(flags.directory));
  const std::string ignored = flags.signature.empty()
                                  ? kModelSignatureFile
                                  : NameInDirectory(flags.directory, flags.signature);
  ASSIGN_OR_RETURN(const std::vector<Resource> resources,
                   EnumerateDirectory(flags.directory, ignored));
  RETURN_IF_ERROR(RequireFiles(flags.directory, resources));
  if (!OrderedAlike(resources)) {
    console.Warn(
        "a folder here begins like a file beside it; tools that order names by folder print "
        "another root digest (signatures verify all the same)");
  }
  const std::string root = RootDigest(resources).Hex();
  console.Result({{"root_digest", root}, {"files", ToJson(resources)}}, root);
  return absl::OkStatus();
}

}  // namespace

Command MakeCheckpointDigestCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "checkpoint digest",
          .summary = "print the root digest of a directory",
          .details =
              "  kalavai checkpoint digest DIR\n"
              "  kalavai checkpoint digest DIR --format json   # also each file's SHA-256\n\n"
              "The root digest is SHA-256 over the files' raw SHA-256 digests in the order "
              "of their\nnames: the subject digest of an OpenSSF model signature. Left out: "
              "the signature, and .git,\n.gitattributes, .github, .gitignore at the top.\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("DIR", flags->directory, "the directory")->required();
                app.add_option("--signature", flags->signature,
                               "the signature to leave out, when it is not DIR/model.sig");
              },
          .run = [flags](Console& console) { return PrintDigest(*flags, console); }};
}

}  // namespace kalavai::contributor
