// Goal: no option of either program takes a number outside its bounds or what is none, and each
// takes its bounds, whoever adds it. Method: options and bounds are read off the programs' own
// --help, so that a new one is tested without being listed here; each is given its bounds, the
// numbers beside them and what is no number, before anything is computed.
#include "absl/strings/numbers.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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
  std::string type;  // what --help says of its values: "1 TO 64", "AT LEAST 0"
};

// The options of `path` and of all commands under it that take a number.
void Collect(const Path& path, std::vector<NumberOption>& options) {
  static const std::regex kOption(
      R"(^  (?:-\w,)?(--[-\w]+|[A-Z]+)(?:,--[-\w]+)* (UINT|INT|FLOAT|N)(?::([^=]*?))?(?:=.*| \(Env:.*| REQUIRED.*| \.\.\..*|)$)");
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
                         .whole = match[2] != "FLOAT",
                         .type = match[3]});
    } else if (commands && std::regex_match(line, match, kCommand)) {
      Path below = path;
      below.push_back(match[1]);
      Collect(below, options);
    }
  }
}

std::vector<NumberOption> AllOptions() {
  std::vector<NumberOption> options;
  Collect({"kalavai"}, options);
  const size_t members = options.size();
  Collect({"kalavai-coordinator"}, options);
  CHECK(members >= 30);
  CHECK(options.size() - members >= 20);
  return options;
}

void CheckRefused(const NumberOption& option, const std::string& value) {
  const bool positional = option.name.empty();
  if (positional && (value.empty() || value[0] == '-')) return;  // no word, or read as a flag
  const testing::ProcessResult result =
      Run(option.path, {positional ? value : absl::StrCat(option.name, "=", value)});
  INFO(absl::StrJoin(option.path, " ") << " " << option.name << " '" << value << "'");
  INFO(result.error);
  CHECK(result.code == 2);
  CHECK(result.out.empty());
  CHECK(absl::StrContains(result.error, absl::StrCat("'", value, "' found; must be a ")));
}

// --help is the result of a command line whose every value was taken.
void CheckTaken(const Path& path, const std::vector<std::string>& words) {
  std::vector<std::string> arguments = words;
  arguments.push_back("--help");
  const testing::ProcessResult result = Run(path, arguments);
  INFO(absl::StrJoin(path, " ") << " " << absl::StrJoin(words, " "));
  INFO(result.error);
  CHECK(result.code == 0);
  CHECK(result.error.empty());
}

struct Values {
  std::vector<std::string> taken, refused;
};

Values WholeValues(const NumberOption& option) {
  const std::string kMost =
      absl::StartsWith(option.name, "--seed") ? "18446744073709551615" : "9223372036854775807";
  const std::string kBeyond =
      absl::StartsWith(option.name, "--seed") ? "18446744073709551616" : "9223372036854775808";
  if (option.type == "AT LEAST 0") return {{"0", kMost}, {"-1", kBeyond}};
  if (option.type == "ABOVE 0") return {{"1", kMost}, {"0", kBeyond}};
  const std::vector<std::string> ends = absl::StrSplit(option.type, " TO ");
  int64_t least = 0;
  int64_t most = 0;
  INFO(option.name << " " << option.type);
  REQUIRE(ends.size() == 2);
  REQUIRE(absl::SimpleAtoi(ends[0], &least));
  REQUIRE(absl::SimpleAtoi(ends[1], &most));
  return {{ends[0], ends[1]}, {absl::StrCat(least - 1), absl::StrCat(most + 1)}};
}

Values RealValues(const NumberOption& option) {
  const std::string kMost = "1.7976931348623157e308";
  if (option.type == "AT LEAST 0") return {{"0", kMost}, {"-1e-300", "1e309"}};
  if (option.type == "ABOVE 0") return {{"1e-300", kMost}, {"0", "1e309"}};
  if (option.type == "(0, 1]") return {{"1e-300", "1"}, {"0", "1.0000000000000002"}};
  const std::vector<std::string> ends = absl::StrSplit(option.type, " TO ");
  double least = 0;
  double most = 0;
  INFO(option.name << " " << option.type);
  REQUIRE(ends.size() == 2);
  REQUIRE(absl::SimpleAtod(ends[0], &least));
  REQUIRE(absl::SimpleAtod(ends[1], &most));
  return {{ends[0], ends[1]},
          {absl::StrFormat("%.17g", std::nextafter(least, -1.0)),
           absl::StrFormat("%.17g", std::nextafter(most, 2 * most))}};
}

TEST_CASE("Every option takes its bounds and refuses what lies beyond", "[end_to_end]") {
  std::map<Path, std::vector<std::string>> least, most;  // of each command, in one line
  for (const NumberOption& option : AllOptions()) {
    const Values values = option.whole ? WholeValues(option) : RealValues(option);
    for (const std::string& value : values.refused) CheckRefused(option, value);
    CheckRefused(option, "nan");
    if (option.whole) CheckRefused(option, "1.5");
    const std::string flag = option.name.empty() ? "" : absl::StrCat(option.name, "=");
    least[option.path].push_back(flag + values.taken.front());
    most[option.path].push_back(flag + values.taken.back());
  }
  for (const auto& [path, words] : least) CheckTaken(path, words);
  for (const auto& [path, words] : most) CheckTaken(path, words);
}

}  // namespace
}  // namespace kalavai
