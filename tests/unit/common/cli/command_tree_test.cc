// Goal: completion and "did you mean" see every command, flag and value. Method: a small program's
// tree, compared with what was registered.
#include "common/cli/command_tree.h"

#include "CLI/CLI.hpp"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The tree lists commands, flags and allowed values", "[cli]") {
  CLI::App root("a test", "prog");
  CLI::App* group = root.add_subcommand("checkpoint", "files");
  CLI::App* inspect = group->add_subcommand("inspect", "look");
  std::string as;
  std::string shell;
  int count = 0;
  bool deep = false;
  inspect->add_option("--as", as, "rules")->check(CLI::IsMember({"format", "upload"}));
  inspect->add_option("--count", count, "how many");
  inspect->add_flag("--deep", deep, "more");
  inspect->add_option("SHELL", shell, "which")->check(CLI::IsMember({"bash", "zsh"}));
  const std::vector<CommandNode> tree = CommandTree(root);
  REQUIRE(tree.size() == 3);
  CHECK(tree[0].commands == std::vector<std::string>{"checkpoint"});
  CHECK(tree[2].path == "prog checkpoint inspect");
  CHECK(tree[2].summary == "look");
  CHECK(tree[2].positional == std::vector<std::string>{"bash", "zsh"});
  REQUIRE(tree[2].flags.size() == 4);
  CHECK(tree[2].flags[0].name == "--help");
  CHECK_FALSE(tree[2].flags[0].takes_value);
  CHECK(tree[2].flags[1].values == std::vector<std::string>{"format", "upload"});
  CHECK(tree[2].flags[2].takes_value);
  CHECK(tree[2].flags[2].values.empty());
  CHECK_FALSE(tree[2].flags[3].takes_value);
}

}  // namespace
}  // namespace kalavai
