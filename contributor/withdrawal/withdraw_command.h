// `kalavai withdraw`: this member and its specialist leave, for good. The certificate is revoked,
// the specialist is silent in every served model at once, its bytes and what was computed from them
// are deleted, and the coordinator's signed receipt of that is verified and kept in
// receipts/withdrawal.json. The served model is fused again from the other members in the
// background. Repeating it fetches the same receipt.
#ifndef KALAVAI_CONTRIBUTOR_WITHDRAWAL_WITHDRAW_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_WITHDRAWAL_WITHDRAW_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeWithdrawCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_WITHDRAWAL_WITHDRAW_COMMAND_H_
