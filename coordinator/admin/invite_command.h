// kalavai-coordinator invite: a single-use code for a new member.
#ifndef KALAVAI_COORDINATOR_ADMIN_INVITE_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_INVITE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeInviteCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_INVITE_COMMAND_H_
