// `kalavai key create --out PATH`: a key pair for signing, in two PEM files. Needs no workspace, no
// network and no coordinator. JSON: docs/formats/local_commands.md.
#ifndef KALAVAI_CONTRIBUTOR_KEY_KEY_CREATE_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_KEY_KEY_CREATE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeKeyCreateCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_KEY_KEY_CREATE_COMMAND_H_
