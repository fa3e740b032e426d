// kalavai share-sample: gives text away as probe text of the member's own domain.
#ifndef KALAVAI_CONTRIBUTOR_SAMPLE_SHARE_SAMPLE_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_SAMPLE_SHARE_SAMPLE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeShareSampleCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_SAMPLE_SHARE_SAMPLE_COMMAND_H_
