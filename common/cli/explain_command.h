// `explain [REASON]`, in both programs: what an error's reason means and what to do.
// JSON: docs/formats/local_commands.md.
#ifndef KALAVAI_COMMON_CLI_EXPLAIN_COMMAND_H_
#define KALAVAI_COMMON_CLI_EXPLAIN_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai {

Command MakeExplainCommand(const std::string& program);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_EXPLAIN_COMMAND_H_
