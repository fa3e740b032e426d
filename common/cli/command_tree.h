// The registered commands and flags as plain data: what completion scripts are written from and
// what "did you mean" chooses among.
#ifndef KALAVAI_COMMON_CLI_COMMAND_TREE_H_
#define KALAVAI_COMMON_CLI_COMMAND_TREE_H_

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace kalavai {

struct FlagNode {
  std::string name = {};  // "--format"
  std::string summary = {};
  bool takes_value = false;
  std::vector<std::string> values = {};  // when it takes one of these only
};

struct CommandNode {
  std::string path = {};  // "kalavai checkpoint inspect"
  std::string name = {};  // "inspect"
  std::string summary = {};
  std::vector<FlagNode> flags = {};
  std::vector<std::string> commands = {};    // names of its sub-commands
  std::vector<std::string> positional = {};  // values of an argument that takes one of these only
};

// Every command and group, parents before children; the root is the first.
std::vector<CommandNode> CommandTree(const CLI::App& root);

// "kalavai checkpoint inspect"
std::string CommandPath(const CLI::App& app);

// {"human","json"} of an option that takes one of these only, else empty.
std::vector<std::string> AllowedValues(const CLI::Option& option);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_COMMAND_TREE_H_
