// `kalavai verify-receipt FILE`: whether a coordinator's receipt holds, without asking the
// coordinator: its signature, its log entry, the signed tree head and the proof between them.
#ifndef KALAVAI_CONTRIBUTOR_WITHDRAWAL_VERIFY_RECEIPT_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_WITHDRAWAL_VERIFY_RECEIPT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeVerifyReceiptCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_WITHDRAWAL_VERIFY_RECEIPT_COMMAND_H_
