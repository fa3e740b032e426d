// kalavai-coordinator release: signs a succeeded fusion as the model that is served.
#ifndef KALAVAI_COORDINATOR_ADMIN_RELEASE_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_RELEASE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeReleaseCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_RELEASE_COMMAND_H_
