// `kalavai matrix`: the loss matrix that the newest fusion measured, own domains marked; or of a
// file of losses (--offline).
#ifndef KALAVAI_CONTRIBUTOR_PREDICTION_MATRIX_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_PREDICTION_MATRIX_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeMatrixCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_PREDICTION_MATRIX_COMMAND_H_
