// `kalavai leave`: withdraws this member. Its certificate is revoked, its specialist is masked in
// every served model at once and left out of every later fusion. It cannot be taken back.
#ifndef KALAVAI_CONTRIBUTOR_LEAVE_LEAVE_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_LEAVE_LEAVE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeLeaveCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_LEAVE_LEAVE_COMMAND_H_
