#include "contributor/withdrawal/withdrawal_receipt.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"
#include "common/storage/atomic_file.h"

namespace kalavai::contributor {
namespace {

absl::StatusOr<Receipt> Judge(absl::string_view envelope, const ReceiptKeys& keys,
                              absl::string_view contributor) {
  ASSIGN_OR_RETURN(Receipt receipt, VerifyReceipt(envelope, keys));
  if (receipt.withdrawal.has_value() && receipt.withdrawal->contributor == contributor) {
    return receipt;
  }
  return ReceiptInvalid(absl::StrCat("must be of the withdrawal of ", contributor));
}

absl::Status Write(const std::string& path, absl::string_view envelope) {
  return WriteFileAtomically(path, absl::StrCat(envelope, "\n"), 0600);
}

// The name by which other bytes lie beside the receipt.
absl::StatusOr<std::string> PutBeside(const Workspace& workspace, absl::string_view envelope) {
  const std::string path = absl::StrCat(workspace.ReceiptsDirectory(), "/withdrawal.",
                                        Sha256Of(envelope).Hex().substr(0, 16), ".json");
  RETURN_IF_ERROR(Write(path, envelope));
  return path;
}

}  // namespace

absl::StatusOr<KeptWithdrawal> KeepWithdrawalReceipt(const Workspace& workspace,
                                                     const ReceiptKeys& keys,
                                                     absl::string_view contributor,
                                                     absl::string_view envelope) {
  const std::string path = workspace.WithdrawalReceiptFile();
  RETURN_IF_ERROR(EnsureDirectory(workspace.ReceiptsDirectory(), 0700));
  absl::StatusOr<std::string> before = ReadFileBounded(path, limits::kJsonBytesMax);
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  const std::string earlier(before.ok() ? absl::StripAsciiWhitespace(*before) : "");
  absl::StatusOr<Receipt> kept = Judge(earlier, keys, contributor);
  absl::StatusOr<Receipt> sent = Judge(envelope, keys, contributor);
  if (!sent.ok()) {
    std::string where = "the coordinator sent none";
    if (!envelope.empty()) {
      ASSIGN_OR_RETURN(where, PutBeside(workspace, envelope));
    }
    return Annotate(
        sent.status(),
        absl::StrCat(
            contributor, " is withdrawn, but what proves it does not hold (", where,
            kept.ok() ? absl::StrCat("); the earlier receipt holds still (", path, ")") : ")"));
  }
  if (!kept.ok()) {
    KeptWithdrawal now{.receipt = *std::move(sent), .note = ""};
    if (!earlier.empty()) {
      ASSIGN_OR_RETURN(const std::string where, PutBeside(workspace, earlier));
      now.note = absl::StrCat(path, ": held no receipt that holds; it is in ", where, " now");
    }
    RETURN_IF_ERROR(Write(path, envelope));
    return now;
  }
  KeptWithdrawal now{.receipt = *std::move(kept), .note = ""};
  if (earlier != envelope) {
    ASSIGN_OR_RETURN(const std::string where, PutBeside(workspace, envelope));
    now.note = absl::StrCat(
        "the coordinator sent another receipt than the one kept, and both hold; "
        "it is in ",
        where, ", the first one stays");
  }
  return now;
}

}  // namespace kalavai::contributor
