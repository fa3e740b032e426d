// `completion bash|zsh|fish`, in both programs: prints a script for the shell.
#ifndef KALAVAI_COMMON_CLI_COMPLETION_COMMAND_H_
#define KALAVAI_COMMON_CLI_COMPLETION_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai {

// `root` holds all commands when the command runs, and outlives it.
Command MakeCompletionCommand(const CLI::App& root);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_COMPLETION_COMMAND_H_
