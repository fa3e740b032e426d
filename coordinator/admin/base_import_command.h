// kalavai-coordinator base import: makes a checkpoint directory the canonical base.
#ifndef KALAVAI_COORDINATOR_ADMIN_BASE_IMPORT_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_BASE_IMPORT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeBaseImportCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_BASE_IMPORT_COMMAND_H_
