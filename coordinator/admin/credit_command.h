// `kalavai-coordinator credit`: exact Shapley values and leave-one-out of the newest loss matrix,
// computed here from the matrix and not believed; or of a file of losses (--offline).
#ifndef KALAVAI_COORDINATOR_ADMIN_CREDIT_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_CREDIT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeCreditCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_CREDIT_COMMAND_H_
