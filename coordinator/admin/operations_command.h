// kalavai-coordinator metrics and health: what an operator, or an operator's script, asks.
#ifndef KALAVAI_COORDINATOR_ADMIN_OPERATIONS_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_OPERATIONS_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeMetricsCommand();
// Exit code 0 when every check passed, 3 when one did not or nobody answers.
Command MakeHealthCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_OPERATIONS_COMMAND_H_
