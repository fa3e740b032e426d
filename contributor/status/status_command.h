// `kalavai status`: where this member is and what comes next. Local facts always; the coordinator's
// when it answers.
#ifndef KALAVAI_CONTRIBUTOR_STATUS_STATUS_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_STATUS_STATUS_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeStatusCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_STATUS_STATUS_COMMAND_H_
