// Goal: a mistyped command line names the nearest word. Method: CLI11 parses a small program's
// mistakes; a table of them with the words of the answer.
#include "common/cli/usage_mistake.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::string Answer(std::vector<std::string> arguments) {
  CLI::App root("a test", "prog");
  std::string config;
  std::string as;
  std::string file;
  root.add_option("--config", config);
  CLI::App* inspect = root.add_subcommand("checkpoint")->add_subcommand("inspect");
  inspect->add_option("FILE", file)->required();
  inspect->add_option("--as", as)->check(CLI::IsMember({"format", "upload"}));
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    root.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const absl::Status status = UsageMistake(root, error, arguments);
    CHECK(GetErrorReason(status) == "USAGE");
    return absl::StrCat(status.message(), " | ", GetErrorDetail(status)->text.fix);
  }
  return "";
}

TEST_CASE("A mistake is answered with its place and the nearest word", "[cli]") {
  CHECK(Answer({"chekpoint", "inspect", "f"}) ==
        "'chekpoint' is not a command of 'prog' | did you mean 'checkpoint'? See 'prog --help'");
  CHECK(absl::StrContains(Answer({"checkpoint", "inspct", "f"}), "did you mean 'inspect'"));
  CHECK(
      absl::StrContains(Answer({"checkpoint", "inspect", "f", "--sa", "upload"}),
                        "'--sa' is not a flag of 'prog checkpoint inspect' | did you mean '--as'"));
  CHECK(absl::StrContains(Answer({"checkpoint", "inspect", "f", "--as", "uplaod"}),
                          "must be one of format, upload | did you mean 'upload'"));
  CHECK(absl::StrContains(Answer({"checkpoint", "inspect", "--ass", "upload"}), "'--as'"));
  CHECK(absl::StrContains(Answer({"checkpoint", "inspect"}), "FILE"));
  CHECK(absl::StrContains(Answer({"checkpoint", "inspect", "f", "g"}), "'g' is not an argument"));
  CHECK(absl::StrContains(Answer({"checkpoint", "inspect", "f", "--config", "c"}),
                          "put it before the command"));
}

TEST_CASE("A group without its word lists the words", "[cli]") {
  CLI::App root("a test", "prog");
  root.add_subcommand("one");
  root.add_subcommand("two");
  CHECK(MissingCommand(root).message() == "'prog' needs a command: one, two");
}

TEST_CASE("An environment variable is named after its flag", "[cli]") {
  CHECK(EnvironmentName("private-key") == "KALAVAI_PRIVATE_KEY");
}

}  // namespace
}  // namespace kalavai
