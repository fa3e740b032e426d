#include "common/cli/command_tree.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "CLI/CLI.hpp"

namespace kalavai {
namespace {

void Collect(const CLI::App& app, std::vector<CommandNode>& nodes) {
  CommandNode node{.path = CommandPath(app), .name = app.get_name(), .summary = {}};
  node.summary = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) node.positional = AllowedValues(*option);
    for (const std::string& name : option->get_lnames()) {
      node.flags.push_back({.name = absl::StrCat("--", name),
                            .summary = option->get_description(),
                            .takes_value = option->get_expected_min() > 0,
                            .values = AllowedValues(*option)});
    }
  }
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) node.commands.push_back(child->get_name());
  nodes.push_back(std::move(node));
  for (const CLI::App* child : children) Collect(*child, nodes);
}

}  // namespace

std::vector<CommandNode> CommandTree(const CLI::App& root) {
  std::vector<CommandNode> nodes;
  Collect(root, nodes);
  return nodes;
}

std::string CommandPath(const CLI::App& app) {
  return app.get_parent() == nullptr
             ? app.get_name()
             : absl::StrCat(CommandPath(*app.get_parent()), " ", app.get_name());
}

// CLI11 describes IsMember({"a","b"}) as "{a,b}" at the end of the option's type name.
std::vector<std::string> AllowedValues(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.rfind('{');
  if (open == std::string::npos || type.back() != '}') return {};
  return absl::StrSplit(type.substr(open + 1, type.size() - open - 2), ',');
}

}  // namespace kalavai
