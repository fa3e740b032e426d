// `rollback`: serves an earlier released model again.
#ifndef KALAVAI_COORDINATOR_ADMIN_ROLLBACK_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_ROLLBACK_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeRollbackCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_ROLLBACK_COMMAND_H_
