// `kalavai credit`: exact Shapley values and leave-one-out of the newest loss matrix, computed
// here from the matrix and not believed; or of a file of losses (--offline).
#ifndef KALAVAI_CONTRIBUTOR_PREDICTION_CREDIT_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_PREDICTION_CREDIT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeCreditCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_PREDICTION_CREDIT_COMMAND_H_
