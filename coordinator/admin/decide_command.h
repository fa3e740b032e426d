// kalavai-coordinator decide: admits or rejects a quarantined submission.
#ifndef KALAVAI_COORDINATOR_ADMIN_DECIDE_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_DECIDE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeDecideCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_DECIDE_COMMAND_H_
