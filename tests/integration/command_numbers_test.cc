// Goal: no number typed at a command that predicts, probes, fuses, serves, shares or answers is
// taken outside its bounds, and each is taken at them. Method: the commands' own parsers in this
// process, every numeric option with its bounds, the numbers beside them and what is no number;
// commands without numbers are held to having none.
#include <cstdint>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "CLI/CLI.hpp"
#include "common/cli/program.h"
#include "contributor/inference/ask_command.h"
#include "contributor/inference/generate_command.h"
#include "contributor/prediction/credit_command.h"
#include "contributor/prediction/matrix_command.h"
#include "contributor/prediction/predict_command.h"
#include "contributor/sample/share_sample_command.h"
#include "contributor/training/evaluate_command.h"
#include "contributor/training/statistics_command.h"
#include "contributor/withdrawal/withdraw_command.h"
#include "coordinator/admin/credit_command.h"
#include "coordinator/admin/fuse_command.h"
#include "coordinator/admin/matrix_command.h"
#include "coordinator/admin/members_command.h"
#include "coordinator/admin/models_command.h"
#include "coordinator/admin/predict_command.h"
#include "coordinator/admin/release_command.h"
#include "coordinator/admin/rollback_command.h"
#include "coordinator/fusion/probe_command.h"
#include "coordinator/server/serve_command.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

struct Outcome {
  int code = -1;
  std::string out, error;
};

// A command line of `command` alone: both programs have commands of the same name.
Outcome Run(const Command& command, const std::vector<std::string>& words) {
  std::vector<std::string> line = {"kalavai"};
  for (const absl::string_view word : absl::StrSplit(command.name, ' ')) line.emplace_back(word);
  line.insert(line.end(), words.begin(), words.end());
  std::vector<const char*> argv;
  for (const std::string& word : line) argv.push_back(word.c_str());
  std::ostringstream out, error;
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::streambuf* const old_error = std::cerr.rdbuf(error.rdbuf());
  Outcome outcome;
  outcome.code = RunProgram({.name = "kalavai", .summary = "", .details = "", .groups = {}},
                            {command}, static_cast<int>(argv.size()), argv.data());
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_error);
  outcome.out = out.str();
  outcome.error = error.str();
  return outcome;
}

struct Option {
  std::string name;
  std::vector<std::string> taken, refused;
  bool whole = true;
};

struct Row {
  std::string program;
  Command command;
  std::vector<Option> options;
};

const Option kThreads = {"--threads", {"0", "1", "1024"}, {"-1", "1025", "9223372036854775807"}};
const Option kSeed = {
    "--seed", {"0", "18446744073709551615"}, {"-1", "18446744073709551616", "-0"}};
const Option kTemperature = {"--temperature",
                             {"0", "1e-300", "100"},
                             {"-1", "-1e-300", "101", "100.00000000000001"},
                             /*whole=*/false};
const Option kTopP = {"--top-p",
                      {"1e-300", "1"},
                      {"0", "-1", "2", "1.0000000000000002"},
                      /*whole=*/false};

std::vector<Row> Rows() {
  namespace c = contributor;
  namespace s = coordinator;
  const Option tokens = {"--tokens", {"1", "1048576"}, {"0", "-1", "1048577"}};
  return {{"kalavai",
           c::MakePredictCommand(),
           {{"--row-chunks", {"4", "256"}, {"0", "-1", "3", "257"}}, kThreads}},
          {"kalavai", c::MakeMatrixCommand(), {}},
          {"kalavai", c::MakeCreditCommand(), {}},
          {"kalavai", c::MakeShareSampleCommand(), {}},
          {"kalavai", c::MakeWithdrawCommand(), {}},
          {"kalavai",
           c::MakeStatisticsCommand(),
           {{"--chunks", {"1000", "1048576"}, {"0", "999", "1048577"}},
            {"--noise-epsilon",
             {"0.01", "100"},
             {"0", "0.0099999999999999985", "100.00000000000001", "-1", "101"},
             false},
            {"--noise-delta", {"1e-15", "1e-4"}, {"0", "9e-16", "1.0001e-4", "-1", "1"}, false},
            kThreads}},
          {"kalavai",
           c::MakeGenerateCommand(),
           {{"--max-tokens", {"1", "1048576"}, {"0", "-1", "1048577"}},
            {"--top-k", {"0", "9223372036854775807"}, {"-1", "9223372036854775808"}},
            kTemperature,
            kTopP,
            kSeed,
            kThreads}},
          {"kalavai", c::MakeAskCommand(), {tokens, kTemperature, kTopP, kSeed}},
          {"kalavai",
           c::MakeEvaluateCommand(),
           {{"--max-chunks", {"0", "9223372036854775807"}, {"-1", "9223372036854775808"}},
            {"--sequence-length", {"2", "1048576"}, {"1", "0", "-1", "1048577"}},
            kThreads}},
          {"kalavai-coordinator", s::MakePredictCommand(), {}},
          {"kalavai-coordinator", s::MakeMatrixCommand(), {}},
          {"kalavai-coordinator", s::MakeCreditCommand(), {}},
          {"kalavai-coordinator", s::MakeReleaseCommand(), {}},
          {"kalavai-coordinator", s::MakeRollbackCommand(), {}},
          {"kalavai-coordinator", s::MakeModelsCommand(), {}},
          {"kalavai-coordinator", s::MakeRemoveMemberCommand(), {}},
          {"kalavai-coordinator", s::MakeProbeListCommand(), {}},
          {"kalavai-coordinator", s::MakeProbeRunCommand(), {}},
          {"kalavai-coordinator",
           s::MakeFuseCommand(),
           {{"--steps", {"1", "20000"}, {"0", "-1", "20001"}}, kSeed}},
          {"kalavai-coordinator",
           s::MakeServeCommand(),
           {{"--probe-jobs", {"1", "64"}, {"0", "-1", "65"}},
            {"--free-space-floor", {"0", "9223372036854775807"}, {"-1", "9223372036854775808"}},
            kThreads}}};
}

TEST_CASE("Every number of a command is taken at its bounds and refused beyond", "[numbers]") {
  const std::vector<std::string> never = {
      "nan", "NaN", "inf", "-inf", "infinity", "-9223372036854775808", "1e400", "x", "1x",
      "",    " ",   " 1",  "1 ",   "1,5"};
  const std::vector<std::string> never_whole = {"1.5", "1e3", "0x10", "01", "+1"};
  for (const Row& row : Rows()) {
    for (const Option& option : row.options) {
      std::vector<std::string> refused = option.refused;
      refused.insert(refused.end(), never.begin(), never.end());
      if (option.whole) refused.insert(refused.end(), never_whole.begin(), never_whole.end());
      for (const std::string& value : refused) {
        INFO(row.program << " " << row.command.name << " " << option.name << " '" << value << "'");
        for (const auto& words : {std::vector<std::string>{absl::StrCat(option.name, "=", value)},
                                  {option.name, value}}) {
          const Outcome outcome = Run(row.command, words);
          INFO(outcome.error);
          CHECK(outcome.code == 2);
          CHECK(outcome.out.empty());
          CHECK(absl::StartsWith(outcome.error, absl::StrCat("error[USAGE]: ")));
          CHECK(
              absl::StrContains(outcome.error, absl::StrCat(": '", value, "' found; must be a ")));
          CHECK(absl::StrContains(outcome.error, option.name));
        }
      }
      for (const std::string& value : option.taken) {
        INFO(row.program << " " << row.command.name << " " << option.name << " '" << value << "'");
        // Help comes after every value was read, and instead of what the command does.
        const Outcome outcome = Run(row.command, {option.name, value, "--help"});
        INFO(outcome.error);
        CHECK(outcome.code == 0);
        CHECK(outcome.error.empty());
      }
    }
  }
}

TEST_CASE("No numeric option of these commands is left out of the table", "[numbers]") {
  for (const Row& row : Rows()) {
    CLI::App app;
    if (row.command.configure) row.command.configure(app);
    std::set<std::string> numbers;
    for (const CLI::Option* option : app.get_options()) {
      const std::vector<std::string> type = absl::StrSplit(option->get_type_name(), ':');
      if (type[0] == "INT" || type[0] == "UINT" || type[0] == "FLOAT" || type[0] == "N") {
        numbers.insert(absl::StrCat("--", option->get_lnames().front()));
      }
    }
    std::set<std::string> listed;
    for (const Option& option : row.options) listed.insert(option.name);
    INFO(row.program << " " << row.command.name);
    CHECK(numbers == listed);
  }
}

}  // namespace
}  // namespace kalavai
