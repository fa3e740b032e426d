// kalavai-coordinator init: makes a data directory with keys, certificates and database.
#ifndef KALAVAI_COORDINATOR_ADMIN_INIT_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_INIT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeInitCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_INIT_COMMAND_H_
