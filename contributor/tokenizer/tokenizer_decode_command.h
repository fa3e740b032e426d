// `kalavai tokenizer decode`: lines of token ids as lines of text.
#ifndef KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_DECODE_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_DECODE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeTokenizerDecodeCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_DECODE_COMMAND_H_
