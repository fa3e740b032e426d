// `kalavai checkpoint digest DIR`: the root digest of a directory, which is what a signature of it
// signs. Needs no workspace, no network and no coordinator. JSON: docs/formats/local_commands.md.
#ifndef KALAVAI_CONTRIBUTOR_CHECKPOINT_DIGEST_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_CHECKPOINT_DIGEST_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeCheckpointDigestCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_CHECKPOINT_DIGEST_COMMAND_H_
