// kalavai-coordinator members, withdraw: who is in, with what submission; and leaving.
#ifndef KALAVAI_COORDINATOR_ADMIN_MEMBERS_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_MEMBERS_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeMembersCommand();
Command MakeRemoveMemberCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_MEMBERS_COMMAND_H_
