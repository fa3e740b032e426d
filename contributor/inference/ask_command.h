// `kalavai ask "prompt"`: the answer as it comes on standard output, then who spoke on standard
// error; with --format json one object with text, finish_reason and usage.
#ifndef KALAVAI_CONTRIBUTOR_INFERENCE_ASK_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_INFERENCE_ASK_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeAskCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_INFERENCE_ASK_COMMAND_H_
