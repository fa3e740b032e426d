// `kalavai tokenizer fit`: what a language costs under a tokenizer, beside English.
#ifndef KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_FIT_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_FIT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeTokenizerFitCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TOKENIZER_TOKENIZER_FIT_COMMAND_H_
