// `kalavai evaluate`: losses of a model on texts, or of base and specialist on the member's own.
#ifndef KALAVAI_CONTRIBUTOR_TRAINING_EVALUATE_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_TRAINING_EVALUATE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeEvaluateCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TRAINING_EVALUATE_COMMAND_H_
