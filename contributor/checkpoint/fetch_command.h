// `kalavai fetch`: copies the canonical base, resumes where it stopped, and accepts it only when
// the charter's root digest, the coordinator's signature and every file's digest agree.
#ifndef KALAVAI_CONTRIBUTOR_CHECKPOINT_FETCH_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_CHECKPOINT_FETCH_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeFetchCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_CHECKPOINT_FETCH_COMMAND_H_
