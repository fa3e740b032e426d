// `kalavai checkpoint verify --public-key K DIR`: whether a directory is what was signed. Needs no
// workspace, no network and no coordinator. JSON: docs/formats/local_commands.md.
#ifndef KALAVAI_CONTRIBUTOR_CHECKPOINT_VERIFY_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_CHECKPOINT_VERIFY_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeCheckpointVerifyCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_CHECKPOINT_VERIFY_COMMAND_H_
