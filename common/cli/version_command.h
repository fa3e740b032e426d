// `version`, in both programs, and `--version`, which prints the same: version, commit, and the
// versions of the libraries in use. JSON: docs/formats/local_commands.md.
#ifndef KALAVAI_COMMON_CLI_VERSION_COMMAND_H_
#define KALAVAI_COMMON_CLI_VERSION_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai {

void PrintVersion(const Program& program, Console& console);

Command MakeVersionCommand(const Program& program);  // must outlive the command

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_VERSION_COMMAND_H_
