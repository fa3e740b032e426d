// `kalavai-coordinator matrix`: the loss matrix that the newest fusion measured, own domains
// marked; or of a file of losses (--offline).
#ifndef KALAVAI_COORDINATOR_ADMIN_MATRIX_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_MATRIX_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeMatrixCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_MATRIX_COMMAND_H_
