// Goal: commands are found, flags come from file < environment < flag, mistakes are answered with
// the nearest word. Method: run a small program in process and look at what ran and at standard
// error.
#include "common/cli/program.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/cli/number_checks.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

struct Outcome {
  int code = -1;
  std::string out, error, name;
  int count = 0;
};

Outcome Run(std::vector<const char*> arguments) {
  Outcome outcome;
  auto count = std::make_shared<int>(1);
  const Command greet{
      .name = "coop greet",
      .summary = "says hello",
      .details = "",
      .configure =
          [count](CLI::App& app) {
            app.add_option("--repeat-count", *count, "how often")->check(WholeBetween(0, 9));
          },
      .run =
          [&outcome, count](Console& console) {
            outcome.name = "greet";
            outcome.count = *count;
            console.Result({{"count", *count}}, "hello");
            return absl::OkStatus();
          }};
  auto times = std::make_shared<int>(1);
  const Command fail{
      .name = "fail",
      .summary = "fails",
      .details = "",
      .configure =
          [times](CLI::App& app) {
            app.add_option("--repeat-count", *times, "how often")->check(WholeBetween(0, 2));
          },
      .run =
          [times](Console&) {
            return MakeError(absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE",
                             {.what = "down"});
          }};
  std::ostringstream out, error;
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::streambuf* const old_error = std::cerr.rdbuf(error.rdbuf());
  arguments.insert(arguments.begin(), "kalavai-test");
  outcome.code = RunProgram(
      {.name = "kalavai-test", .summary = "a test", .details = "", .groups = {{"coop", "a group"}}},
      {greet, fail}, static_cast<int>(arguments.size()), arguments.data());
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_error);
  outcome.out = out.str();
  outcome.error = error.str();
  return outcome;
}

TEST_CASE("A nested command runs and prints its result in the format asked", "[cli]") {
  const Outcome human = Run({"coop", "greet"});
  CHECK(human.code == 0);
  CHECK(human.out == "hello\n");
  CHECK(human.error.empty());
  const Outcome before = Run({"--format", "json", "coop", "greet"});
  CHECK(before.out == "{\n  \"count\": 1\n}\n");
  const Outcome after = Run({"coop", "greet", "--format", "json"});
  CHECK(after.out == before.out);
}

TEST_CASE("Mistakes are exit code 2 and name the nearest word", "[cli]") {
  const Outcome flag = Run({"coop", "greet", "--repeat-cuont", "3"});
  CHECK(flag.code == 2);
  CHECK(flag.error.find("did you mean '--repeat-count'") != std::string::npos);
  const Outcome command = Run({"coop", "gret"});
  CHECK(command.code == 2);
  CHECK(command.error.find("did you mean 'greet'") != std::string::npos);
  const Outcome nothing = Run({});
  CHECK(nothing.code == 2);
  CHECK(nothing.error.find("coop") != std::string::npos);
  CHECK(Run({"coop", "greet", "--repeat-count", "many"}).code == 2);
  const Outcome json = Run({"--format", "json", "coop", "gret"});
  CHECK(nlohmann::json::parse(json.error).at("reason") == "USAGE");
}

TEST_CASE("A failing command gives its error and exit code", "[cli]") {
  const Outcome outcome = Run({"fail"});
  CHECK(outcome.code == 3);
  CHECK(outcome.out.empty());
  CHECK(outcome.error.find("error[COORDINATOR_UNREACHABLE]: down") == 0);
}

TEST_CASE("Help and version are results", "[cli]") {
  const Outcome help = Run({"coop", "greet", "--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("--repeat-count") != std::string::npos);
  CHECK(Run({"--version"}).out.find("kalavai-test ") == 0);
}

TEST_CASE("Flags override the environment, which overrides the file", "[cli]") {
  kalavai::testing::TempDir directory;
  const std::string file = directory.File("config.toml");
  kalavai::testing::WriteFile(file, "[coop.greet]\nrepeat-count = 2\n");
  CHECK(Run({"--config", file.c_str(), "coop", "greet"}).count == 2);
  setenv("KALAVAI_REPEAT_COUNT", "3", 1);
  CHECK(Run({"coop", "greet"}).count == 3);
  CHECK(Run({"--config", file.c_str(), "coop", "greet"}).count == 3);
  CHECK(Run({"coop", "greet", "--repeat-count", "4"}).count == 4);
  // Another command's bounds are nobody's business here.
  setenv("KALAVAI_REPEAT_COUNT", "nan", 1);
  CHECK(Run({"--version"}).code == 0);
  const Outcome wrong = Run({"coop", "greet"});
  CHECK(wrong.code == 2);
  CHECK(wrong.error.find("'nan' found; must be a whole number from 0 to 9 (from "
                         "KALAVAI_REPEAT_COUNT)") != std::string::npos);
  CHECK(Run({"fail"}).error.find("from 0 to 2 (from KALAVAI_REPEAT_COUNT)") != std::string::npos);
  unsetenv("KALAVAI_REPEAT_COUNT");
}

TEST_CASE("An empty value is empty, and not the next word", "[cli]") {
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"coop", "greet", "--repeat-count=", "3"},
        {"coop", "greet", "--repeat-count", "", "--format", "json"},
        {"coop", "greet", "--repeat-count=", "--format", "json"},
        {"coop", "greet", "--repeat-count="}}) {
    const Outcome empty = Run(words);
    INFO(empty.error);
    CHECK(empty.code == 2);
    CHECK(empty.error.find("'' found; must be a whole number") != std::string::npos);
  }
  // What is itself a value, or stands after "--", is left as it is.
  const Outcome value = Run({"coop", "greet", "--repeat-count", "--format="});
  CHECK(value.error.find("'--format=' found; must be") != std::string::npos);
  const Outcome word = Run({"coop", "greet", "--", "--repeat-count="});
  CHECK(word.code == 2);
  CHECK(word.error.find("'--repeat-count=' is not a flag") != std::string::npos);
}

}  // namespace
}  // namespace kalavai
