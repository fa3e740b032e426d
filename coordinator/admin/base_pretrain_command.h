// `kalavai-coordinator base pretrain`: a small base from public text, for demos and new languages.
#ifndef KALAVAI_COORDINATOR_ADMIN_BASE_PRETRAIN_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_BASE_PRETRAIN_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

// Works on files only: needs no data directory and no running coordinator.
Command MakeBasePretrainCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_BASE_PRETRAIN_COMMAND_H_
