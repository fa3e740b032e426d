// kalavai-coordinator log: prints the record, leaf by leaf.
#ifndef KALAVAI_COORDINATOR_ADMIN_LOG_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_LOG_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeLogCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_LOG_COMMAND_H_
