// Goal: the words a person needs next are offered. Method: scripts of a small tree as text; the
// shells themselves run them in tests/integration/command_line_test.cc.
#include "common/cli/completion_script.h"

#include "absl/strings/match.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<CommandNode> SmallTree() {
  return {{.path = "a-b",
           .name = "a-b",
           .summary = "it's",
           .flags = {{.name = "--format",
                      .summary = "how: it's printed",
                      .takes_value = true,
                      .values = {"human", "json"}}},
           .commands = {"run"},
           .positional = {}},
          {.path = "a-b run",
           .name = "run",
           .summary = "runs it's thing",
           .flags = {},
           .commands = {},
           .positional = {"x"}}};
}

TEST_CASE("Each shell's script names commands, flags and values, quoted", "[cli]") {
  const std::string bash = BashCompletion(SmallTree());
  CHECK(absl::StrContains(bash, "complete -F _a_b a-b\n"));
  CHECK(absl::StrContains(bash, "'a-b:--format') COMPREPLY=($(compgen -W 'human json'"));
  CHECK(absl::StrContains(bash, "'a-b:run') place='a-b run'"));
  const std::string zsh = ZshCompletion(SmallTree());
  CHECK(absl::StrContains(zsh, "#compdef a-b\n"));
  CHECK(absl::StrContains(zsh, "'run:runs it'\\''s thing'"));
  CHECK(absl::StrContains(zsh, "compadd -- human json"));
  const std::string fish = FishCompletion(SmallTree());
  CHECK(absl::StrContains(fish, "-x -a 'human json' -d 'how: it\\'s printed'"));
  CHECK(absl::StrContains(fish, "-f -a 'run' -d 'runs it\\'s thing'"));
}

}  // namespace
}  // namespace kalavai
