// Goal: `kalavai` checks and signs files of a model alone: no workspace, network or coordinator.
// Method: the real program over every golden safetensors file and model signature
// (tests/golden/README.md), over keys it makes, and over what a person may type wrong.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include <sys/stat.h>

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using testing::ProcessResult;

ProcessResult Kalavai(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), absl::StrCat(KALAVAI_PROGRAMS, "/kalavai"));
  return testing::RunProcess(arguments);
}

nlohmann::json RequireJson(const std::string& text) {
  INFO(text);
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  REQUIRE(json.is_object());
  return json;
}

nlohmann::json RequireAnswer(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--format", "json"});
  const ProcessResult result = Kalavai(arguments);
  INFO(result.error);
  REQUIRE(result.code == 0);
  CHECK((result.error.empty() || absl::StartsWith(result.error, "warning: ")));
  return RequireJson(result.out);
}

// Nothing on standard output; the three fields of an error on standard error, none of them empty.
std::string RefusalReason(std::vector<std::string> arguments, int code = 1) {
  arguments.insert(arguments.end(), {"--format", "json"});
  const ProcessResult result = Kalavai(arguments);
  INFO(result.error);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  const nlohmann::json error = RequireJson(result.error);
  CHECK(error.size() == 3);
  CHECK_FALSE(error.at("message").get<std::string>().empty());
  CHECK_FALSE(error.at("fix").get<std::string>().empty());
  return error.at("reason");
}

// Rows of a table with a header line.
std::vector<std::vector<std::string>> Rows(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  const std::string text = testing::ReadFile(path);
  for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    rows.emplace_back(absl::StrSplit(line, '\t'));
  }
  REQUIRE(rows.size() > 1);
  rows.erase(rows.begin());
  return rows;
}

std::string Golden(const std::string& path) { return absl::StrCat(KALAVAI_GOLDEN_DIR, "/", path); }

TEST_CASE("Every golden safetensors file is accepted or refused as listed", "[local]") {
  for (const auto& row : Rows(Golden("safetensors/expected.tsv"))) {
    for (const auto& [as, verdict] : {std::pair("format", row[1]), std::pair("upload", row[2])}) {
      const std::vector<std::string> command = {
          "checkpoint", "inspect", Golden(absl::StrCat("safetensors/", row[0])), "--as", as};
      INFO(row[0] << " as " << as << ": " << row[3]);
      if (verdict == "accept") {
        const nlohmann::json answer = RequireAnswer(command);
        CHECK(answer.at("accepted") == true);
        CHECK(row[3] == absl::StrCat("ok(", answer.at("tensor_count").get<int>(), ")"));
        CHECK(answer.at("tensors").size() == answer.at("tensor_count").get<size_t>());
      } else {
        CHECK(absl::StartsWith(RefusalReason(command), "SAFETENSORS_"));
      }
    }
  }
}

TEST_CASE("Inspecting lists tensors, dtypes, bytes and metadata", "[local]") {
  const nlohmann::json answer = RequireAnswer(
      {"checkpoint", "inspect", Golden("gpt_neox/parallel/model.safetensors"), "--as", "upload"});
  int64_t bytes = 0;
  for (const auto& [name, total] : answer.at("dtypes").items()) {
    bytes += total.at("bytes").get<int64_t>();
  }
  CHECK(bytes == answer.at("bytes").get<int64_t>());
  CHECK(answer.at("metadata").is_object());
  const auto& first = answer.at("tensors").at(0);
  CHECK(first.at("data_offsets").at(0) == 0);
  const ProcessResult text =
      Kalavai({"checkpoint", "inspect", Golden("gpt_neox/parallel/model.safetensors")});
  CHECK(absl::StrContains(text.out, "accepted as format"));
  CHECK(absl::StrContains(text.out, first.at("name").get<std::string>()));
}

TEST_CASE("What is no safetensors file is refused, whatever it is", "[local]") {
  const testing::TempDir directory;
  const std::string pipe = directory.File("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(RefusalReason({"checkpoint", "inspect", directory.path()}) == "FILE_KIND_REFUSED");
  CHECK(RefusalReason({"checkpoint", "inspect", pipe}) == "FILE_KIND_REFUSED");
  CHECK(RefusalReason({"checkpoint", "inspect", "/dev/null"}) == "FILE_KIND_REFUSED");
  CHECK(RefusalReason({"checkpoint", "inspect", directory.File("absent")}) == "FILE_NOT_FOUND");
  CHECK(RefusalReason({"checkpoint", "inspect", pipe, "--as", "uplaod"}, 2) == "USAGE");
  CHECK(RefusalReason({"checkpoint", "inspect"}, 2) == "USAGE");
}

TEST_CASE("A hostile tensor name cannot pose as a line of output", "[local]") {
  const ProcessResult result =
      Kalavai({"checkpoint", "inspect", Golden("safetensors/name_newline")});
  REQUIRE(result.code == 0);
  CHECK(absl::StrContains(result.out, "\\n"));
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 4);
}

TEST_CASE("Every golden model signature is accepted or refused as recommended", "[local]") {
  for (const auto& row : Rows(Golden("model_signature/cases.tsv"))) {
    INFO(row[0] << ": " << row[4]);
    const std::vector<std::string> command = {
        "checkpoint",
        "verify",
        "--public-key",
        Golden("model_signature/P-384.public.pem"),
        "--signature",
        Golden(absl::StrCat("model_signature/cases/", row[0], ".sig")),
        Golden("model_signature/model")};
    if (row[2] == "accept") {
      CHECK(RequireAnswer(command).at("accepted") == true);
    } else {
      const std::string reason = RefusalReason(command);
      CHECK((reason == "SIGNATURE_MALFORMED" || reason == "KEY_MISMATCH" ||
             reason == "SIGNATURE_INVALID" || reason == "MANIFEST_MISMATCH" ||
             reason == "NAME_INVALID"));
    }
  }
  // The form of producers before 1.1.0: no hint; the key named on the command line decides.
  const auto verify_older = [](const char* key) {
    return std::vector<std::string>{"checkpoint",
                                    "verify",
                                    "--public-key",
                                    Golden(absl::StrCat("model_signature/", key)),
                                    "--signature",
                                    Golden("model_signature/older-P-256.sig"),
                                    Golden("model_signature/model")};
  };
  CHECK(RequireAnswer(verify_older("older-P-256.public.pem")).at("accepted") == true);
  CHECK(RefusalReason(verify_older("P-256.public.pem")) == "SIGNATURE_INVALID");
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    for (const char* signer : {"python-", "cpp-"}) {
      const nlohmann::json answer = RequireAnswer(
          {"checkpoint", "verify", "--public-key",
           Golden(absl::StrCat("model_signature/", curve, ".public.pem")), "--signature",
           Golden(absl::StrCat("model_signature/", signer, curve, ".sig")),
           Golden("model_signature/model")});
      CHECK(answer.at("curve") == curve);
    }
  }
}

// Two small files as a specialist would have them, and a submission.json of the golden model. The
// reference implementation prints the same root digest.
TEST_CASE("The digest of the worked example is the one the format's study prints", "[local]") {
  const testing::TempDir directory;
  const std::string model = directory.File("specialist-demo");
  fs::create_directory(model);
  testing::WriteFile(model + "/config.json", "{\"model_type\":\"olmo2\"}\n");
  std::string weights("\x58\0\0\0\0\0\0\0", 8);
  weights +=
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  weights += "   ";
  weights += std::string("\x00\x00\x80\x3f\x00\x00\x00\xbf", 8);
  testing::WriteFile(model + "/model.safetensors", weights);
  fs::copy_file(Golden("model_signature/model/submission.json"), model + "/submission.json");
  const ProcessResult result = Kalavai({"checkpoint", "digest", model});
  CHECK(result.out == "c04e4893248e1068cc1c3c1f119d9549fafd02ed87d170bbc758aacc055e99ed\n");
  CHECK(result.error.empty());
}

TEST_CASE("The digest of a directory is that of its files in the order of their names", "[local]") {
  const nlohmann::json answer =
      RequireAnswer({"checkpoint", "digest", Golden("model_signature/model")});
  std::vector<std::string> names;
  for (const auto& file : answer.at("files")) names.push_back(file.at("name"));
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(names.size() == 8);
  const nlohmann::json signed_by_us = RequireAnswer(
      {"checkpoint", "verify", "--public-key", Golden("model_signature/P-256.public.pem"),
       "--signature", Golden("model_signature/cpp-P-256.sig"), Golden("model_signature/model")});
  CHECK(answer.at("root_digest") == signed_by_us.at("root_digest"));
  const ProcessResult text = Kalavai({"checkpoint", "digest", Golden("model_signature/model")});
  CHECK(text.out == answer.at("root_digest").get<std::string>() + "\n");
  CHECK(absl::StrContains(text.error, "warning: a folder here begins like a file beside it"));
}

struct Site {
  Site() {
    fs::create_directories(model + "/tokenizer");
    testing::WriteFile(model + "/config.json", "{}\n");
    testing::WriteFile(model + "/.hidden", "");
    testing::WriteFile(model + "/tokenizer/vocabulaire-\xC3\xA9.txt", "a\n");
  }
  void CreateKey(const std::string& curve) {
    const nlohmann::json answer =
        RequireAnswer({"key", "create", "--curve", curve, "--out", key, "--public-out", pub});
    CHECK(answer.at("curve") == curve);
    CHECK(answer.at("key_hint").get<std::string>().size() == 64);
  }
  std::vector<std::string> Sign(const std::string& signature) const {
    return {"checkpoint", "sign", "--private-key", key, "--signature", signature, model};
  }
  std::vector<std::string> Verify(const std::string& signature) const {
    return {"checkpoint", "verify", "--public-key", pub, "--signature", signature, model};
  }

  testing::TempDir directory;
  const std::string model = directory.File("model");
  const std::string key = directory.File("key.pem");
  const std::string pub = directory.File("key.pem.pub");
};

TEST_CASE("A made key signs and verifies, the signature inside or beside", "[local]") {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    Site site;
    site.CreateKey(curve);
    struct stat status = {};
    REQUIRE(stat(site.key.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    for (const std::string& signature :
         {site.model + "/model.sig", site.directory.File("beside.sig"),
          site.model + "/tokenizer/other.sig"}) {
      INFO(signature);
      const nlohmann::json answer = RequireAnswer(site.Sign(signature));
      CHECK(answer.at("files").size() == 3);
      CHECK(RequireAnswer(site.Verify(signature)).at("root_digest") == answer.at("root_digest"));
      CHECK(RequireAnswer({"checkpoint", "digest", "--signature", signature, site.model})
                .at("root_digest") == answer.at("root_digest"));
      RequireAnswer(site.Sign(signature));  // again: replaces it
      testing::WriteFile(site.model + "/config.json", "{} \n");
      CHECK(RefusalReason(site.Verify(signature)) == "MANIFEST_MISMATCH");
      testing::WriteFile(site.model + "/config.json", "{}\n");
      testing::WriteFile(site.model + "/added", "");
      CHECK(RefusalReason(site.Verify(signature)) == "MANIFEST_MISMATCH");
      fs::remove(site.model + "/added");
      RequireAnswer(site.Verify(signature));
      fs::remove(signature);
    }
  }
}

TEST_CASE("A slip of the hand destroys neither keys nor weights", "[local]") {
  Site site;
  site.CreateKey("P-256");
  const std::string before = testing::ReadFile(site.key);
  CHECK(RefusalReason({"key", "create", "--out", site.key}) == "KEY_EXISTS");
  const std::string other = site.directory.File("other.pem");
  CHECK(RefusalReason({"key", "create", "--out", other, "--public-out", site.pub}) == "KEY_EXISTS");
  CHECK_FALSE(fs::exists(other));
  CHECK(RefusalReason({"key", "create", "--out", site.key, "--public-out", other}) == "KEY_EXISTS");
  CHECK_FALSE(fs::exists(other));
  CHECK(RefusalReason({"key", "create", "--out", other, "--public-out", other}, 2) == "USAGE");
  CHECK(testing::ReadFile(site.key) == before);
  CHECK(RefusalReason(site.Sign(site.model + "/config.json")) == "SIGNATURE_PATH_TAKEN");
  CHECK(RefusalReason(site.Sign(site.key)) == "SIGNATURE_PATH_TAKEN");
  CHECK(testing::ReadFile(site.model + "/config.json") == "{}\n");
  fs::copy_file(site.key, site.model + "/key.pem");
  CHECK(RefusalReason({"checkpoint", "sign", "--private-key", site.model + "/key.pem",
                       site.model}) == "PRIVATE_KEY_INSIDE");
  fs::remove(site.model + "/key.pem");
  fs::permissions(site.key, fs::perms::owner_read | fs::perms::group_read);
  CHECK(RefusalReason(site.Sign(site.directory.File("s"))) == "KEY_FILE_MODE");
  CHECK_FALSE(fs::exists(site.directory.File("s")));
}

TEST_CASE("Directories that cannot be signed and keys that do not fit are refused", "[local]") {
  Site site;
  site.CreateKey("P-256");
  const std::string empty = site.directory.File("empty");
  fs::create_directory(empty);
  const std::vector<std::string> sign = {"checkpoint", "sign", "--private-key", site.key};
  CHECK(RefusalReason({"checkpoint", "digest", empty}) == "DIRECTORY_EMPTY");
  CHECK(RefusalReason({"checkpoint", "sign", "--private-key", site.key, empty}) ==
        "DIRECTORY_EMPTY");
  CHECK_FALSE(fs::exists(empty + "/model.sig"));
  CHECK(RefusalReason({"checkpoint", "digest", site.directory.File("absent")}) == "FILE_NOT_FOUND");
  CHECK(RefusalReason({"checkpoint", "digest", site.key}) == "NOT_A_DIRECTORY");
  CHECK(RefusalReason({"checkpoint", "sign", "--private-key", site.key, site.pub}) ==
        "NOT_A_DIRECTORY");
  CHECK(RefusalReason({"checkpoint", "verify", "--public-key", site.pub, site.model}) ==
        "FILE_NOT_FOUND");
  RequireAnswer(site.Sign(site.model + "/model.sig"));
  CHECK(RefusalReason({"checkpoint", "verify", "--public-key", site.key, site.model}) ==
        "KEY_HALF_MISMATCH");
  CHECK(RefusalReason({"checkpoint", "verify", "--public-key",
                       Golden("model_signature/P-256.public.pem"), site.model}) == "KEY_MISMATCH");
  fs::create_symlink(site.key, site.model + "/link");
  CHECK(RefusalReason({"checkpoint", "digest", site.model}) == "FILE_KIND_REFUSED");
  CHECK(RefusalReason(site.Verify(site.model + "/model.sig")) == "FILE_KIND_REFUSED");
}

}  // namespace
}  // namespace kalavai
