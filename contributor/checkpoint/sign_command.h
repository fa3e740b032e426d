// `kalavai checkpoint sign --private-key K DIR`: signs every file of a directory together, as
// OpenSSF model signing 1.0. Needs no workspace, no network and no coordinator. JSON:
// docs/formats/local_commands.md.
#ifndef KALAVAI_CONTRIBUTOR_CHECKPOINT_SIGN_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_CHECKPOINT_SIGN_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeCheckpointSignCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_CHECKPOINT_SIGN_COMMAND_H_
