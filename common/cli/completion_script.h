// Completion of commands, flags and their values in a shell, written from the registered commands.
// The scripts call no program: completing is instant and needs no network.
#ifndef KALAVAI_COMMON_CLI_COMPLETION_SCRIPT_H_
#define KALAVAI_COMMON_CLI_COMPLETION_SCRIPT_H_

#include <string>
#include <vector>

#include "common/cli/command_tree.h"

namespace kalavai {

// Each defines the completion of tree.front(), the program. Where nothing else is known, names of
// files are completed.
std::string BashCompletion(const std::vector<CommandNode>& tree);
std::string ZshCompletion(const std::vector<CommandNode>& tree);
std::string FishCompletion(const std::vector<CommandNode>& tree);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_COMPLETION_SCRIPT_H_
