// Goal: the commands of training work from a member's workspace, report as documented, and stop at
// wrong usage. Method: the program run in process on a workspace with a tiny base.
#include "contributor/training/train_command.h"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "common/cli/console.h"
#include "common/crypto/model_signature.h"
#include "contributor/training/evaluate_command.h"
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

Outcome Run(const std::vector<std::string>& words) {
  std::vector<const char*> arguments = {"kalavai"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream error;
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::streambuf* const old_error = std::cerr.rdbuf(error.rdbuf());
  Outcome outcome;
  outcome.code = RunProgram({.name = "kalavai", .summary = "a test", .details = "", .groups = {}},
                            {MakeTrainCommand(), MakeEvaluateCommand()},
                            static_cast<int>(arguments.size()), arguments.data());
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
                                       .chunk_tokens = 32,
                                       .authority_fingerprint = std::string(64, 'b')}));
  std::string lines;
  const std::string text = kalavai::testing::TinyText(1, 200);
  for (size_t at = 0, end = 0; (end = text.find("\n\n", at)) != std::string::npos; at = end + 2) {
    lines += R"({"text":")" + text.substr(at, end - at) + "\"}\n";
  }
  kalavai::testing::WriteFile(directory.File("own.jsonl"), lines);
  return workspace.root();
}

std::vector<std::string> TrainWords(const TempDir& directory, const std::string& root) {
  return {"train",   "--workspace", root,      "--data",      directory.File("own.jsonl"),
          "--steps", "30",          "--batch", "4",           "--learning-rate",
          "5e-3",    "--threads",   "1",       "--precision", "float32"};
}

TEST_CASE("Pilot, training and evaluation follow each other", "[training]") {
  const TempDir directory;
  const std::string root = MakeWorkspace(directory);
  std::vector<std::string> pilot = TrainWords(directory, root);
  pilot.insert(pilot.end(), {"--pilot", "10"});
  const Outcome first = Run(pilot);
  INFO(first.error);
  REQUIRE(first.code == 0);
  REQUIRE(first.out.find("next: kalavai predict") != std::string::npos);
  const Workspace workspace(root);
  REQUIRE_OK_AND_ASSIGN(const TrainingReport report, workspace.LoadTrainingReport());
  REQUIRE(report.pilot);
  REQUIRE(report.DivergencePercent() > 0);
  REQUIRE(report.improvement_standard_error > 0.03 * report.own_loss / 1.31);  // 3 % at least

  std::vector<std::string> whole = TrainWords(directory, root);
  whole.insert(whole.end(), {"--format", "json"});
  const Outcome second = Run(whole);
  INFO(second.error);
  REQUIRE(second.code == 0);
  const nlohmann::json json = nlohmann::json::parse(second.out);
  REQUIRE(json.at("steps") == 30);
  REQUIRE(json.at("pilot") == false);
  REQUIRE_OK(workspace.TrainedSpecialist());
  REQUIRE_OK_AND_ASSIGN(const TrainingReport trained, workspace.LoadTrainingReport());
  REQUIRE(trained.improvement_standard_error > 0);
  REQUIRE(trained.improvement_standard_error < report.improvement_standard_error);

  const Outcome own =
      Run({"evaluate", "--own", "--workspace", root, "--threads", "1", "--format", "json"});
  INFO(own.error);
  REQUIRE(own.code == 0);
  REQUIRE_NEAR(nlohmann::json::parse(own.out).at("own_loss").get<double>(),
               json.at("own_loss").get<double>(), 1e-9);
}

TEST_CASE("An interrupt ends training with 130 and the next call continues", "[training]") {
  const TempDir directory;
  const std::string root = MakeWorkspace(directory);
  SetInterrupted(true);
  const Outcome stopped = Run(TrainWords(directory, root));
  SetInterrupted(false);
  REQUIRE(stopped.code == 130);
  const Outcome resumed = Run(TrainWords(directory, root));
  REQUIRE(resumed.code == 0);
  REQUIRE(resumed.error.find("continued") != std::string::npos);
}

TEST_CASE("A workspace that is not ready says what is missing", "[training]") {
  const TempDir directory;
  kalavai::testing::WriteFile(directory.File("own.jsonl"), "{}\n");
  const Outcome not_joined = Run(TrainWords(directory, directory.File("nowhere")));
  REQUIRE(not_joined.code == 1);
  REQUIRE(not_joined.error.find("NOT_JOINED") != std::string::npos);
  REQUIRE(Run({"train", "--workspace", directory.path()}).code == 2);  // no --data
}

}  // namespace
}  // namespace kalavai::contributor
