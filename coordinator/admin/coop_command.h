// kalavai-coordinator coop create | show | launch: a cooperative from draft to signed charter.
#ifndef KALAVAI_COORDINATOR_ADMIN_COOP_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_COOP_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeCoopCreateCommand();
Command MakeCoopShowCommand();
Command MakeCoopLaunchCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_COOP_COMMAND_H_
