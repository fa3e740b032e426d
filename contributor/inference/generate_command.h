// `kalavai generate`: a model of a directory goes on with a text, here.
#ifndef KALAVAI_CONTRIBUTOR_INFERENCE_GENERATE_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_INFERENCE_GENERATE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeGenerateCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_INFERENCE_GENERATE_COMMAND_H_
