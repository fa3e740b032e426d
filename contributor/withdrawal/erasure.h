// What a receipt of a withdrawal says of the things this member itself knows it sent: its egress
// receipts name them by digest, so that "erased" is not the coordinator's word for it.
//
//   const Erasure erasure = CompareOrWarn(workspace, receipt, console);
//   console.Result({{"erased", erasure.Erased()}}, erasure.Headline());
//
// Compared are weights and gate statistics, the list of training documents and the shared sample:
// what only this member has. Configuration, tokenizer and reports may be equal to others' files.
// Errors: those of ListEgressReceipts. Any thread.
#ifndef KALAVAI_CONTRIBUTOR_WITHDRAWAL_ERASURE_H_
#define KALAVAI_CONTRIBUTOR_WITHDRAWAL_ERASURE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

#include "common/cli/console.h"
#include "common/crypto/receipt.h"
#include "contributor/egress_receipt.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

struct Erasure {
  struct Left {
    std::string path;  // as it was sent
    Digest digest;
    bool kept = false;  // the receipt says that it is there still; else it does not say
  };

  bool is_known = false;   // this workspace has receipts of what the member sent
  std::vector<Left> left;  // sent, and not deleted; by path, then digest

  bool IsComplete() const { return is_known && left.empty(); }
  std::string Headline() const;   // "WITHDRAWN and erased", or what can be said
  std::string Warning() const;    // "": nothing is left
  nlohmann::json Json() const;    // `left` as a list of {path, sha256, kept}
  nlohmann::json Erased() const;  // IsComplete(); null: not known
};

absl::StatusOr<Erasure> CompareWithSent(const Workspace& workspace,
                                        const WithdrawalReceipt& receipt);
// The same for a command: what is left, and egress receipts that cannot be read, are warnings.
Erasure CompareOrWarn(const Workspace& workspace, const WithdrawalReceipt& receipt,
                      Console& console);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_WITHDRAWAL_ERASURE_H_
