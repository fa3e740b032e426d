// kalavai-coordinator coop probe add: registers the probe text of a domain.
#ifndef KALAVAI_COORDINATOR_ADMIN_PROBE_ADD_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_PROBE_ADD_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeProbeAddCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_PROBE_ADD_COMMAND_H_
