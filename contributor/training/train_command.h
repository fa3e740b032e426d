// `kalavai train`: trains this member's specialist, or a pilot of it.
#ifndef KALAVAI_CONTRIBUTOR_TRAINING_TRAIN_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_TRAINING_TRAIN_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeTrainCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TRAINING_TRAIN_COMMAND_H_
