// Goal: signatures and digests are those of the reference implementation, PyPI model-signing 1.1.1.
// Method: the package is installed once into the build tree (python3 -m pip install --target);
// where that fails the tests say "skipped" (exit code 77, which ctest reports). Both programs sign
// and verify the same directories with keys on three curves.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using testing::ProcessResult;

constexpr int kSkipped = 77;

std::string PackageDirectory() { return absl::StrCat(KALAVAI_BUILD_DIR, "/model-signing-1.1.1"); }

ProcessResult ModelSigning(std::vector<std::string> arguments) {
  const std::vector<std::string> python = {"/usr/bin/env",
                                           "PYTHONNOUSERSITE=1",
                                           absl::StrCat("PYTHONPATH=", PackageDirectory()),
                                           "python3",
                                           "-m",
                                           "model_signing"};
  arguments.insert(arguments.begin(), python.begin(), python.end());
  return testing::RunProcess(arguments, absl::Seconds(120));
}

// Installs the package into a folder of its own name only once it is whole.
void RequirePackage() {
  if (ModelSigning({"--version"}).code == 0) return;
  const std::string part = PackageDirectory() + ".part";
  fs::remove_all(part);
  const ProcessResult installed = testing::RunProcess(
      {"/usr/bin/env", "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
       "--target", part, "model-signing==1.1.1", "pyopenssl"},  // imported, not declared
      absl::Seconds(400));
  if (installed.code == 0) {
    fs::remove_all(PackageDirectory());
    fs::rename(part, PackageDirectory());
    if (ModelSigning({"--version"}).code == 0) return;
  }
  fs::remove_all(part);
  std::fprintf(stderr, "skipped: PyPI's model-signing 1.1.1 cannot be installed or run\n%s\n",
               installed.error.c_str());
  std::fflush(stderr);
  std::_Exit(kSkipped);
}

ProcessResult Kalavai(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), absl::StrCat(KALAVAI_PROGRAMS, "/kalavai"));
  return testing::RunProcess(arguments);
}

void RequireDone(const ProcessResult& result) {
  INFO(result.out);
  INFO(result.error);
  REQUIRE(result.code == 0);
}

// Three directories whose names sort alike by path and by component.
std::vector<std::string> MakeDirectories(const testing::TempDir& directory) {
  const std::string flat = directory.File("flat");
  const std::string deep = directory.File("deep");
  const std::string odd = directory.File("odd name");
  fs::create_directories(flat);
  testing::WriteFile(flat + "/config.json", "{}\n");
  testing::WriteFile(flat + "/model.safetensors", std::string("\0\1\2", 3));
  testing::WriteFile(flat + "/empty", "");
  fs::create_directories(deep + "/a/b/c");
  fs::create_directories(deep + "/no files");
  testing::WriteFile(deep + "/a/b/c/x", "1");
  testing::WriteFile(deep + "/a/b/y", "2");
  testing::WriteFile(deep + "/z", std::string(3 << 20, 'z'));
  fs::create_directories(odd + "/.hidden");
  fs::create_directories(odd + "/.git/objects");
  fs::create_directories(odd + "/sub/.git");
  testing::WriteFile(odd + "/.git/objects/1", "not signed");
  testing::WriteFile(odd + "/.gitignore", "not signed");
  testing::WriteFile(odd + "/.gitattributes", "not signed");
  testing::WriteFile(odd + "/sub/.git/config", "signed: not at the top");
  testing::WriteFile(odd + "/.hidden/\xE0\xAE\xA4.txt", "tamil");
  testing::WriteFile(odd + "/quote\"and space", "q");
  testing::WriteFile(odd + "/\xF0\x9F\x98\x80", "beyond the first plane");
  return {flat, deep, odd};
}

std::string SubjectDigest(const std::string& signature) {
  const auto bundle = nlohmann::json::parse(testing::ReadFile(signature));
  std::string payload;
  REQUIRE(
      absl::Base64Unescape(bundle.at("dsseEnvelope").at("payload").get<std::string>(), &payload));
  return nlohmann::json::parse(payload).at("subject").at(0).at("digest").at("sha256");
}

struct KeyPair {
  KeyPair(const testing::TempDir& directory, const std::string& curve)
      : key(directory.File(curve)), pub(key + ".pub") {
    RequireDone(Kalavai({"key", "create", "--curve", curve, "--out", key}));
  }
  const std::string key;
  const std::string pub;
};

TEST_CASE("Signatures made here verify there, and the reverse, on three curves", "[interop]") {
  RequirePackage();
  const testing::TempDir directory;
  for (const std::string& model : MakeDirectories(directory)) {
    for (const char* curve : {"P-256", "P-384", "P-521"}) {
      INFO(model << " " << curve);
      if (fs::exists(directory.File(curve))) {
        fs::remove(directory.File(curve));
        fs::remove(directory.File(curve) + ".pub");
      }
      const KeyPair keys(directory, curve);
      const std::string inside = model + "/model.sig";
      const std::string beside = directory.File("beside.sig");
      for (const std::string& signature : {inside, beside}) {
        RequireDone(Kalavai(
            {"checkpoint", "sign", "--private-key", keys.key, "--signature", signature, model}));
        RequireDone(ModelSigning(
            {"verify", "key", "--public_key", keys.pub, "--signature", signature, model}));
        fs::remove(signature);
        RequireDone(ModelSigning(
            {"sign", "key", "--private_key", keys.key, "--signature", signature, model}));
        RequireDone(Kalavai(
            {"checkpoint", "verify", "--public-key", keys.pub, "--signature", signature, model}));
        const ProcessResult digest =
            Kalavai({"checkpoint", "digest", "--signature", signature, model});
        CHECK(digest.out == SubjectDigest(signature) + "\n");
        testing::WriteFile(model + "/added", "");
        CHECK(Kalavai({"checkpoint", "verify", "--public-key", keys.pub, "--signature", signature,
                       model})
                  .code == 1);
        fs::remove(model + "/added");
        fs::remove(signature);
      }
    }
  }
}

// The package orders by path components ('a/x' before 'a.json'), the specification by the joined
// name. Signatures list their order, so each verifies the other's; only the root digests differ.
TEST_CASE("Where the two orders differ signatures still verify both ways", "[interop]") {
  RequirePackage();
  const testing::TempDir directory;
  const KeyPair keys(directory, "P-256");
  const std::string model = directory.File("model");
  fs::create_directories(model + "/a");
  testing::WriteFile(model + "/a/x", "1");
  testing::WriteFile(model + "/a.json", "2");
  const std::string ours = directory.File("ours.sig");
  const std::string theirs = directory.File("theirs.sig");
  RequireDone(
      Kalavai({"checkpoint", "sign", "--private-key", keys.key, "--signature", ours, model}));
  RequireDone(
      ModelSigning({"sign", "key", "--private_key", keys.key, "--signature", theirs, model}));
  RequireDone(
      ModelSigning({"verify", "key", "--public_key", keys.pub, "--signature", ours, model}));
  RequireDone(
      Kalavai({"checkpoint", "verify", "--public-key", keys.pub, "--signature", theirs, model}));
  const ProcessResult digest = Kalavai({"checkpoint", "digest", model});
  CHECK(digest.out == SubjectDigest(ours) + "\n");
  CHECK(SubjectDigest(ours) != SubjectDigest(theirs));
  CHECK(digest.error.find("warning") == 0);
}

}  // namespace
}  // namespace kalavai
