// The command framework of both programs, over CLI11.
//
//   Command MakeFetchCommand() {
//     struct Flags { std::string cooperative; };
//     auto flags = std::make_shared<Flags>();
//     return {.name = "fetch", .summary = "copy the canonical base and check every digest",
//             .details = "  kalavai fetch\n",
//             .configure = [flags](CLI::App& app) { app.add_option("--cooperative",
//             flags->cooperative, "…"); }, .run = [flags](Console& console) { return Fetch(*flags,
//             console); }};
//   }
//   int main(int argc, char** argv) { return RunProgram({…}, {MakeFetchCommand()}, argc, argv); }
//
// Every option with a long name also reads KALAVAI_<NAME> from the environment and a TOML file
// given by --config (keys under [command] or [command.subcommand]); file < environment < flag.
// Unknown words are answered with the nearest known one. explain, completion and version are
// commands of every program. A result that cannot be written is an error.
#ifndef KALAVAI_COMMON_CLI_PROGRAM_H_
#define KALAVAI_COMMON_CLI_PROGRAM_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "common/cli/console.h"

namespace CLI {
class App;
}

namespace kalavai {

struct Command {
  std::string name;     // words nest: "coop probe add"
  std::string summary;  // one line, lower case, no full stop
  std::string details;  // shown under --help after the flags: examples first; may be empty
  std::function<void(CLI::App&)> configure;
  std::function<absl::Status(Console&)> run;
};

struct Program {
  std::string name;     // "kalavai"
  std::string summary;  // one or two lines
  std::string details;  // after the list of commands: the order in which they are used
  // Summaries of words that are not commands themselves: {"coop", "the cooperative and its
  // charter"}.
  std::vector<std::pair<std::string, std::string>> groups;
  // Name and version of the libraries in use, for `version`.
  std::vector<std::pair<std::string, std::string>> libraries = {};
};

// Parses, runs one command, prints its error, returns the exit code of design §8. Installs handlers
// for SIGINT and SIGTERM (the second one ends the program at once).
int RunProgram(const Program& program, const std::vector<Command>& commands, int argc,
               const char* const* argv);

// INVALID_ARGUMENT, reason USAGE: for rules between flags that CLI11 cannot check.
absl::Status UsageError(std::string what, std::string fix);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_PROGRAM_H_
