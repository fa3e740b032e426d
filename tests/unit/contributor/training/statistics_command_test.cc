// Goal: `statistics` leaves sums of the member's text for the next submission, and says what is
// missing. Method: the program run in process in a workspace with a tiny base.
#include "contributor/training/statistics_command.h"

#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "common/crypto/model_signature.h"
#include "common/crypto/sha256.h"
#include "common/probe/gate_statistics.h"
#include "contributor/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::contributor {
namespace {

using kalavai::testing::TempDir;

struct Outcome {
  int code = -1;
  std::string out = {};
  std::string error = {};
};

Outcome Run(std::vector<std::string> words) {
  words.insert(words.begin(), {"kalavai", "statistics"});
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream error;
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::streambuf* const old_error = std::cerr.rdbuf(error.rdbuf());
  Outcome outcome;
  outcome.code =
      RunProgram({.name = "kalavai", .summary = "a test", .details = "", .groups = {}},
                 {MakeStatisticsCommand()}, static_cast<int>(arguments.size()), arguments.data());
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_error);
  outcome.out = out.str();
  outcome.error = error.str();
  return outcome;
}

std::string MakeWorkspace(const TempDir& directory) {
  const Workspace workspace(directory.File("w"));
  REQUIRE_OK(workspace.Create());
  kalavai::testing::WriteTinyBase(workspace.BaseDirectory(), 5);
  REQUIRE_OK_AND_ASSIGN(const auto base_files, EnumerateDirectory(workspace.BaseDirectory()));
  REQUIRE_OK(workspace.SaveMembership({.coordinator = "localhost:7443",
                                       .cooperative = "cooperatives/demo",
                                       .contributor = "cooperatives/demo/contributors/ann",
                                       .domain = "tongue",
                                       .base_digest = RootDigest(base_files).Hex(),
                                       .freeze_depth = 0,
                                       .chunk_tokens = 8,
                                       .authority_fingerprint = std::string(64, 'b')}));
  return workspace.root();
}

TEST_CASE("Sums of the member's text wait for the next submission, until removed", "[training]") {
  const TempDir directory;
  const std::string root = MakeWorkspace(directory);
  kalavai::testing::WriteFile(directory.File("own.txt"), kalavai::testing::TinyText(1, 900));
  const Outcome made = Run({"--workspace", root, "--data", directory.File("own.txt"), "--chunks",
                            "1000", "--threads", "1", "--format", "json"});
  INFO(made.error);
  REQUIRE(made.code == 0);
  const nlohmann::json json = nlohmann::json::parse(made.out);
  const std::string file = Workspace(root).GateStatisticsFile();
  CHECK(json.at("file") == file);
  CHECK(json.at("domain") == "tongue");
  CHECK(json.at("chunks") == 1000);
  CHECK(json.at("sha256") == Sha256OfFile(file)->Hex());
  CHECK(json.at("noise").is_null());
  REQUIRE_OK(ReadGateStatistics(file, "tongue", json.at("width").get<int64_t>()));

  const Outcome noised =
      Run({"--workspace", root, "--data", directory.File("own.txt"), "--chunks", "1000",
           "--threads", "1", "--noise-epsilon", "4", "--noise-delta", "1e-7", "--format", "json"});
  INFO(noised.error);
  REQUIRE(noised.code == 0);
  const nlohmann::json noise = nlohmann::json::parse(noised.out).at("noise");
  CHECK(noise.at("epsilon") == 4);
  CHECK(noise.at("delta") == 1e-7);
  REQUIRE_OK_AND_ASSIGN(const ClassStatistics read,
                        ReadGateStatistics(file, "tongue", json.at("width").get<int64_t>()));
  REQUIRE(read.noise.has_value());
  CHECK(noise.at("sigma") == read.noise->sigma);

  REQUIRE(Run({"--workspace", root, "--remove"}).code == 0);
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(Run({"--workspace", root, "--remove", "--format", "json"}).out.find("false") !=
        std::string::npos);
}

TEST_CASE("What cannot be done is named", "[training]") {
  const TempDir directory;
  const std::string root = MakeWorkspace(directory);
  kalavai::testing::WriteFile(directory.File("little.txt"), kalavai::testing::TinyText(1, 20));
  struct Case {
    std::vector<std::string> words;
    int code;
    std::string says;
  };
  const Case cases[] = {
      {{"--workspace", root, "--data", directory.File("little.txt")}, 1, "TOO_LITTLE_TEXT"},
      {{"--workspace", root, "--data", directory.File("none.txt")}, 1, "FILE_NOT_FOUND"},
      {{"--workspace", root}, 2, "--data"},
      {{"--workspace", directory.File("nowhere"), "--data", directory.File("little.txt")},
       1,
       "NOT_JOINED"},
      {{"--workspace", root, "--data", "a.txt", "--chunks", "999"}, 2, "--chunks"},
      {{"--workspace", root, "--data", "a.txt", "--remove"}, 2, "--remove"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "0"}, 2, "--noise-epsilon"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "-1"}, 2, "--noise-epsilon"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "nan"}, 2, "--noise-epsilon"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "inf"}, 2, "--noise-epsilon"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "100.1"}, 2, "--noise-epsilon"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "1e999"}, 2, "--noise-epsilon"},
      {{"--workspace", root, "--data", "a.txt", "--noise-delta", "1e-6"}, 2, "--noise-epsilon"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "1", "--noise-delta", "0"},
       2,
       "--noise-delta"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "1", "--noise-delta", "nan"},
       2,
       "--noise-delta"},
      {{"--workspace", root, "--data", "a.txt", "--noise-epsilon", "1", "--noise-delta", "0.1"},
       2,
       "--noise-delta"},
      {{"--workspace", root, "--remove", "--noise-epsilon", "1"}, 2, "--noise-epsilon"},
  };
  for (const Case& one : cases) {
    const Outcome outcome = Run(one.words);
    INFO(outcome.error);
    CHECK(outcome.code == one.code);
    CHECK(outcome.error.find(one.says) != std::string::npos);
    CHECK(outcome.out.empty());
    CHECK_FALSE(std::filesystem::exists(Workspace(root).GateStatisticsFile()));
  }
}

}  // namespace
}  // namespace kalavai::contributor
