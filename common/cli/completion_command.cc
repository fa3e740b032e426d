#include "common/cli/completion_command.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/cli/command_tree.h"
#include "common/cli/completion_script.h"

namespace kalavai {

Command MakeCompletionCommand(const CLI::App& root) {
  auto shell = std::make_shared<std::string>();
  const std::string program = root.get_name();
  return {.name = "completion",
          .summary = "print a script that completes commands in a shell",
          .details = absl::StrCat(
              "  source <(", program, " completion bash)          # this shell\n  ", program,
              " completion bash > ~/.local/share/bash-completion/completions/", program, "\n  ",
              program, " completion zsh > ~/.zfunc/_", program, "    # with fpath+=~/.zfunc\n  ",
              program, " completion fish > ~/.config/fish/completions/", program, ".fish\n"),
          .configure =
              [shell](CLI::App& app) {
                app.add_option("SHELL", *shell, "bash, zsh or fish")
                    ->required()
                    ->check(CLI::IsMember({"bash", "zsh", "fish"}));
              },
          .run =
              [shell, &root](Console& console) {
                const std::vector<CommandNode> tree = CommandTree(root);
                console.Text(*shell == "bash"  ? BashCompletion(tree)
                             : *shell == "zsh" ? ZshCompletion(tree)
                                               : FishCompletion(tree));
                return absl::OkStatus();
              }};
}

}  // namespace kalavai
