// kalavai-coordinator predict: is the fusion worth its compute? GO, NO_GO or UNSURE.
#ifndef KALAVAI_COORDINATOR_ADMIN_PREDICT_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_PREDICT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakePredictCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_PREDICT_COMMAND_H_
