// `kalavai tokenizer encode`: a text as token ids, one line of ids per line of text.
#ifndef KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_ENCODE_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_ENCODE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeTokenizerEncodeCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_ENCODE_COMMAND_H_
