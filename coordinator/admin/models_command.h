// kalavai-coordinator models: fusions and released models of a cooperative.
#ifndef KALAVAI_COORDINATOR_ADMIN_MODELS_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_MODELS_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeModelsCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_MODELS_COMMAND_H_
