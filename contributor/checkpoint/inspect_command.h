// `kalavai checkpoint inspect FILE --as format|upload`: what a safetensors file holds, or why it is
// refused. Needs no workspace, no network and no coordinator. JSON: docs/formats/local_commands.md.
#ifndef KALAVAI_CONTRIBUTOR_CHECKPOINT_INSPECT_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_CHECKPOINT_INSPECT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeCheckpointInspectCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_CHECKPOINT_INSPECT_COMMAND_H_
