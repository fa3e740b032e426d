// `kalavai statistics`: the gate's sums over the member's own text, for a domain without probe text
// at the coordinator; the next `kalavai submit` takes them along (common/probe/gate_statistics.h).
#ifndef KALAVAI_CONTRIBUTOR_TRAINING_STATISTICS_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_TRAINING_STATISTICS_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeStatisticsCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TRAINING_STATISTICS_COMMAND_H_
