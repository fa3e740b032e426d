// kalavai-coordinator fuse: starts a fusion, watches it, prints what it won.
#ifndef KALAVAI_COORDINATOR_ADMIN_FUSE_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_FUSE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeFuseCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_FUSE_COMMAND_H_
