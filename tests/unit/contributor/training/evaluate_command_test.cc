// Goal: `evaluate` measures a named model on named texts and refuses contradictory flags.
// Method: the program run in process on a tiny base, without a workspace.
#include "contributor/training/evaluate_command.h"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::contributor {
namespace {

using kalavai::testing::TempDir;

int Run(const std::vector<std::string>& words, std::string* result) {
  std::vector<const char*> arguments = {"kalavai", "evaluate"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream error;
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::streambuf* const old_error = std::cerr.rdbuf(error.rdbuf());
  const int code =
      RunProgram({.name = "kalavai", .summary = "a test", .details = "", .groups = {}},
                 {MakeEvaluateCommand()}, static_cast<int>(arguments.size()), arguments.data());
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_error);
  *result = out.str() + error.str();
  return code;
}

TEST_CASE("A model directory is measured without a workspace", "[training]") {
  const TempDir directory;
  kalavai::testing::WriteTinyBase(directory.File("base"), 5);
  kalavai::testing::WriteFile(directory.File("a.txt"), kalavai::testing::TinyText(0, 60));
  std::string text;
  const int code = Run({"--workspace", directory.File("none"), "--model", directory.File("base"),
                        "--data", "first=" + directory.File("a.txt"), "--chunk-tokens", "32",
                        "--threads", "1", "--format", "json"},
                       &text);
  INFO(text);
  REQUIRE(code == 0);
  const nlohmann::json json = nlohmann::json::parse(text);
  const nlohmann::json& first = json.at("domains").at("first");
  REQUIRE_NEAR(first.at("loss").get<double>(), 5.67, 0.2);
  REQUIRE(first.at("tokens").get<int64_t>() % 31 == 0);
  REQUIRE(json.at("ew") == first.at("loss"));
}

TEST_CASE("Flags that contradict each other or say nothing are usage errors", "[training]") {
  const TempDir directory;
  const std::string w = directory.File("none");
  const std::vector<std::vector<std::string>> bad = {
      {"--workspace", w},
      {"--workspace", w, "--own", "--data", "a=b"},
      {"--workspace", w, "--own", "--model", "m"},
      {"--workspace", w, "--model", "m", "--data", "nameless"},
      {"--workspace", w, "--model", "m", "--data", "=file"},
      {"--workspace", w, "--model", "m", "--data", "name="},
      {"--workspace", w, "--model", "m", "--data", "a=x", "--data", "a=y"},
      {"--workspace", w, "--own", "--packing", "reference"},
      {"--workspace", w, "--model", "m", "--data", "a=x", "--packing", "refrence"},
      {"--workspace", w, "--model", "m", "--data", "a=x", "--dtype", "float16"},
      {"--workspace", w, "--model", "m", "--data", "a=x", "--max-chunks", "-1"},
  };
  for (const std::vector<std::string>& words : bad) {
    std::string text;
    const int code = Run(words, &text);
    INFO(text);
    REQUIRE(code == 2);
  }
}

}  // namespace
}  // namespace kalavai::contributor
