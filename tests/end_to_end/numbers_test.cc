// Goal: no option of either program takes a number that its variable cannot hold or that is none,
// whoever adds it. Method: the options are read off the programs' own --help, so that a new one is
// tested without being listed here; each is given numbers that no option takes.
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "tests/support/catch.h"
#include "tests/support/process.h"

namespace kalavai {
namespace {

using Path = std::vector<std::string>;  // program, command, sub-command

testing::ProcessResult Run(Path path, const std::vector<std::string>& arguments) {
  path[0] = absl::StrCat(KALAVAI_PROGRAMS, "/", path[0]);
  path.insert(path.end(), arguments.begin(), arguments.end());
  return testing::RunProcess(path);
}

struct NumberOption {
  Path path;
  std::string name;  // empty: a positional
  bool whole = false;
};

// The options of `path` and of all commands under it that take a number.
void Collect(const Path& path, std::vector<NumberOption>& options) {
  static const std::regex kOption(
      R"(^  (?:-\w,)?(--[-\w]+|[A-Z]+)(?:,--[-\w]+)* (UINT|INT|FLOAT|N)\b.*)");
  static const std::regex kCommand(R"(^  ([a-z][-a-z]*)(?: .*)?$)");
  const testing::ProcessResult help = Run(path, {"--help"});
  REQUIRE(help.code == 0);
  bool commands = false;
  for (const auto piece : absl::StrSplit(help.out, '\n')) {
    const std::string line(piece);
    if (line.empty()) commands = false;
    if (line == "Subcommands:") commands = true;
    std::smatch match;
    if (!commands && std::regex_match(line, match, kOption)) {
      const std::string name = match[1];
      options.push_back({.path = path,
                         .name = absl::StartsWith(name, "--") ? name : "",
                         .whole = match[2] != "FLOAT"});
    } else if (commands && std::regex_match(line, match, kCommand)) {
      Path below = path;
      below.push_back(match[1]);
      Collect(below, options);
    }
  }
}

TEST_CASE("No option takes a number it cannot hold", "[end_to_end]") {
  std::vector<NumberOption> options;
  Collect({"kalavai"}, options);
  const size_t members = options.size();
  Collect({"kalavai-coordinator"}, options);
  CHECK(members >= 20);
  CHECK(options.size() - members >= 20);
  const std::vector<std::string> never = {"nan"};
  const std::vector<std::string> never_whole = {"-1", "18446744073709551616", "1.5"};
  for (const NumberOption& option : options) {
    std::vector<std::string> values = never;
    if (option.whole) values.insert(values.end(), never_whole.begin(), never_whole.end());
    for (const std::string& value : values) {
      const bool positional = option.name.empty();
      if (positional && value[0] == '-') continue;  // read as a flag
      const testing::ProcessResult result =
          Run(option.path, {positional ? value : absl::StrCat(option.name, "=", value)});
      INFO(absl::StrJoin(option.path, " ") << " " << option.name << " " << value);
      INFO(result.error);
      CHECK(result.code == 2);
      CHECK(result.out.empty());
      CHECK(absl::StrContains(result.error, absl::StrCat("'", value, "' found; must be a ")));
    }
  }
}

}  // namespace
}  // namespace kalavai
