// Goal: both programs keep the contract of the command line: results on standard output and nothing
// else, errors with reason, message and fix, exit codes by class, the nearest word for a mistake.
// Method: tables of command lines run as processes; shells complete the generated scripts.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::ProcessResult;

const char* const kPrograms[] = {"kalavai", "kalavai-coordinator"};

std::string Path(const std::string& program) {
  return absl::StrCat(KALAVAI_PROGRAMS, "/", program);
}

ProcessResult Run(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), Path(program));
  return testing::RunProcess(arguments);
}

ProcessResult Shell(const std::string& script) {
  return testing::RunProcess({"/bin/bash", "-c", script});
}

bool Installed(const std::string& shell) {
  return Shell(absl::StrCat("command -v ", shell)).code == 0;
}

struct Mistake {
  std::vector<std::string> arguments;
  const char* answer;  // in message or fix
};

void CheckMistake(const std::string& program, const Mistake& mistake) {
  INFO(program << " " << absl::StrJoin(mistake.arguments, " "));
  const ProcessResult human = Run(program, mistake.arguments);
  INFO(human.error);
  CHECK(human.code == 2);
  CHECK(human.out.empty());
  CHECK(absl::StrContains(human.error, "error[USAGE]: "));
  CHECK(absl::StrContains(human.error, "  fix: "));
  CHECK(absl::StrContains(human.error, mistake.answer));
  std::vector<std::string> arguments = {"--format", "json"};
  arguments.insert(arguments.end(), mistake.arguments.begin(), mistake.arguments.end());
  const ProcessResult json = Run(program, arguments);
  CHECK(json.code == 2);
  CHECK(json.out.empty());
  const auto error = nlohmann::json::parse(json.error, nullptr, /*allow_exceptions=*/false);
  REQUIRE(error.is_object());
  CHECK(error.size() == 3);
  CHECK(error.at("reason") == "USAGE");
  CHECK(absl::StrContains(
      absl::StrCat(error.at("message").get<std::string>(), error.at("fix").get<std::string>()),
      mistake.answer));
}

TEST_CASE("Mistakes that both programs can be given are answered", "[command_line]") {
  const Mistake mistakes[] = {
      {{}, "needs a command"},
      {{"explian"}, "did you mean 'explain'"},
      {{"explain", "USAEG"}, "did you mean 'USAGE'"},
      {{"explain", "USAGE", "IO_ERROR"}, "'IO_ERROR' is not an argument"},
      {{"--formta", "json", "version"}, "did you mean '--format'"},
      {{"version", "--colour", "never"}, "did you mean '--color'"},
      {{"version", "--color", "nevre"}, "did you mean 'never'"},
      {{"completion"}, "SHELL is required"},
      {{"completion", "bsah"}, "did you mean 'bash'"},
      {{"version", "--config", "x"}, "put it before the command"},
      {{"--config", "/nonexistent/x", "version"}, "/nonexistent/x"},
      {{"expl\xFF\xFEin"}, "is not a command"},
      {{"explain", "\xFF\xC3\x28"}, "is no reason of an error"},
  };
  for (const char* program : kPrograms) {
    for (const Mistake& mistake : mistakes) CheckMistake(program, mistake);
  }
}

TEST_CASE("Mistakes of a program's own commands are answered", "[command_line]") {
  const Mistake member[] = {
      {{"checkpoint"}, "needs a command: inspect, digest, sign, verify"},
      {{"key"}, "needs a command: create"},
      {{"checkpoint", "inspct", "f"}, "did you mean 'inspect'"},
      {{"checkpoint", "inspect"}, "FILE is required"},
      {{"checkpoint", "inspect", "f", "--as", "uplaod"}, "did you mean 'upload'"},
      {{"checkpoint", "sign", "--private-kye", "k", "d"}, "did you mean '--private-key'"},
      {{"checkpoint", "sign", "d"}, "--private-key is required"},
      {{"key", "create", "--out", "k", "--curve", "P-265"}, "did you mean 'P-256'"},
  };
  for (const Mistake& mistake : member) CheckMistake("kalavai", mistake);
  const Mistake coordinator[] = {
      {{"coop"}, "needs a command"},
      {{"coop", "prboe"}, "did you mean 'probe'"},
      {{"coop", "probe", "ad"}, "did you mean 'add'"},
  };
  for (const Mistake& mistake : coordinator) CheckMistake("kalavai-coordinator", mistake);
}

TEST_CASE("Help, version, explain and completion are results", "[command_line]") {
  for (const std::string program : kPrograms) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--help"}, {"explain", "--help"}, {"version", "-h"}}) {
      const ProcessResult help = Run(program, arguments);
      CHECK(help.code == 0);
      CHECK(help.error.empty());
      CHECK(absl::StrContains(help.out, "--format"));
    }
    const ProcessResult version = Run(program, {"version"});
    CHECK(version.code == 0);
    CHECK(version.out == Run(program, {"--version"}).out);
    const auto json = nlohmann::json::parse(Run(program, {"version", "--format", "json"}).out);
    CHECK(json == nlohmann::json::parse(Run(program, {"--version", "--format", "json"}).out));
    CHECK(json.at("program") == program);
    CHECK_FALSE(json.at("libraries").at("gRPC").get<std::string>().empty());
    const auto row = nlohmann::json::parse(
        Run(program, {"--format", "json", "explain", "coordinator_unreachable"}).out);
    CHECK(row.at("reason") == "COORDINATOR_UNREACHABLE");
    CHECK(row.at("exit_code") == 3);
    const auto all = nlohmann::json::parse(Run(program, {"explain", "--format", "json"}).out);
    CHECK(all.at("reasons").size() > 100);
  }
}

TEST_CASE("A result that cannot be written is an error", "[command_line]") {
  for (const char* program : kPrograms) {
    for (const char* command : {"version", "--version", "--help", "explain", "completion bash",
                                "version --format json", "explain USAGE"}) {
      INFO(program << " " << command);
      const ProcessResult full = Shell(absl::StrCat(Path(program), " ", command, " > /dev/full"));
      CHECK(full.code == 1);
      CHECK(absl::StrContains(full.error, "DISK_FULL"));
      const ProcessResult closed = Shell(absl::StrCat(Path(program), " ", command, " >&-"));
      CHECK(closed.code == 1);
      CHECK(absl::StrContains(closed.error, "standard output"));
    }
  }
}

TEST_CASE("Colour is what was asked for, and none where NO_COLOR is set", "[command_line]") {
  const std::string red = "\033[31m";
  const auto error = [](const std::string& environment, const std::string& arguments) {
    return Shell(absl::StrCat(environment, " ", Path("kalavai"), " ", arguments)).error;
  };
  CHECK_FALSE(absl::StrContains(error("", "explain XYZXYZ"), red));  // no terminal
  CHECK(absl::StrContains(error("", "explain XYZXYZ --color always"), red));
  CHECK(absl::StrContains(error("NO_COLOR=1", "--color=always explain XYZXYZ"), red));
  CHECK(absl::StrContains(error("KALAVAI_COLOR=always", "explain XYZXYZ"), red));
  CHECK_FALSE(
      absl::StrContains(error("KALAVAI_COLOR=always", "explain XYZXYZ --color never"), red));
}

TEST_CASE("Flags win over the environment, which wins over the file", "[command_line]") {
  const testing::TempDir directory;
  const std::string file = directory.File("c.toml");
  testing::WriteFile(file, "format = \"json\"\n");
  const auto is_json = [](const std::string& environment, const std::string& arguments) {
    const ProcessResult result =
        Shell(absl::StrCat(environment, " ", Path("kalavai"), " ", arguments));
    INFO(result.error);
    REQUIRE(result.code == 0);
    return result.out[0] == '{';
  };
  const std::string with_file = absl::StrCat("--config ", file, " ");
  CHECK_FALSE(is_json("", "version"));
  CHECK(is_json("", with_file + "version"));
  CHECK_FALSE(is_json("KALAVAI_FORMAT=human", with_file + "version"));
  CHECK(is_json("KALAVAI_FORMAT=human", with_file + "version --format json"));
  CHECK(is_json("KALAVAI_FORMAT=human", "--format json version"));
  CHECK_FALSE(is_json("", "--format json version --format human"));
  CHECK_FALSE(is_json("KALAVAI_FORMAT=", "version"));
  const ProcessResult wrong =
      Shell(absl::StrCat("KALAVAI_FORMAT=yson ", Path("kalavai"), " version"));
  CHECK(wrong.code == 2);
  CHECK(absl::StrContains(wrong.error, "KALAVAI_FORMAT"));
  testing::WriteFile(file, "# c\nformat = \"yson\"\n");
  const ProcessResult place = Shell(absl::StrCat(Path("kalavai"), " ", with_file, "version"));
  CHECK(place.code == 2);
  CHECK(absl::StrContains(place.error, absl::StrCat(file, ":2: 'yson'")));
}

// What bash offers for a command line whose last word is being typed.
std::string BashOffers(const std::string& program, const std::string& words) {
  const ProcessResult result = Shell(
      absl::StrCat("source <(", Path(program), " completion bash) || exit 9; cd /; COMP_WORDS=(",
                   program, " ", words, "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); $(complete -p ",
                   program, " | sed 's/.*-F \\([^ ]*\\).*/\\1/'); echo \"${COMPREPLY[*]}\""));
  INFO(result.error);
  CHECK(result.code == 0);
  CHECK(result.error.empty());
  return result.out;
}

TEST_CASE("Bash completes commands, flags and values", "[command_line]") {
  CHECK(BashOffers("kalavai", "check") == "checkpoint\n");
  CHECK(BashOffers("kalavai", "checkpoint ''") == "inspect digest sign verify\n");
  CHECK(BashOffers("kalavai", "--format json checkpoint inspect --as ''") == "format upload\n");
  CHECK(BashOffers("kalavai", "checkpoint inspect --as u") == "upload\n");
  CHECK(BashOffers("kalavai", "checkpoint inspect --as = f") == "format\n");
  CHECK(BashOffers("kalavai", "checkpoint sign --priv") == "--private-key\n");
  CHECK(BashOffers("kalavai", "key create --curve ''") == "P-256 P-384 P-521\n");
  CHECK(BashOffers("kalavai", "--color checkpoint vers") == "version\n");  // a flag's value
  CHECK(BashOffers("kalavai", "completion ''") == "bash zsh fish\n");
  CHECK(absl::StrContains(BashOffers("kalavai", "checkpoint digest et"), "etc"));
  CHECK(BashOffers("kalavai-coordinator", "coop probe ''") == "add\n");
}

TEST_CASE("Zsh and fish accept their scripts where they are installed", "[command_line]") {
  for (const char* program : kPrograms) {
    if (Installed("zsh")) {
      const ProcessResult zsh =
          Shell(absl::StrCat("zsh -n <(", Path(program),
                             " completion zsh) && zsh -fc 'autoload -U compinit; compinit "
                             "-D; source <(",
                             Path(program), " completion zsh); print $_comps[", program, "]'"));
      INFO(zsh.error);
      CHECK(zsh.code == 0);
      CHECK(zsh.error.empty());
      CHECK(absl::StartsWith(zsh.out, "_kalavai"));
    } else {
      WARN("zsh is not installed: its script is not tried");
    }
    if (Installed("fish")) {
      const ProcessResult fish = Shell(absl::StrCat("fish -N -c '", Path(program),
                                                    " completion fish | source; complete -C \"",
                                                    program, " completion \"'"));
      INFO(fish.error);
      CHECK(fish.code == 0);
      CHECK(absl::StrContains(fish.out, "zsh"));
    } else {
      WARN("fish is not installed: its script is not tried");
    }
  }
}

}  // namespace
}  // namespace kalavai
