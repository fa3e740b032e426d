// `kalavai tokenizer train`: a byte-level BPE tokenizer learned from text.
#ifndef KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_TRAIN_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_TRAIN_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeTokenizerTrainCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_TRAIN_COMMAND_H_
