#include "contributor/withdrawal/verify_receipt_command.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include <CLI/CLI.hpp>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"
#include "contributor/receipt.h"
#include "contributor/withdrawal/erasure.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string workspace;
  std::string file;
  std::string coordinator_key;
  std::string log_key;
};

// Both given, or both from the workspace.
absl::StatusOr<ReceiptKeys> KeysOf(const Flags& flags) {
  if (flags.coordinator_key.empty() != flags.log_key.empty()) {
    return UsageError("--coordinator-key and --log-key: one found; must be both or neither",
                      "give both, or --workspace with the keys kept from joining");
  }
  if (flags.coordinator_key.empty()) {
    absl::StatusOr<ReceiptKeys> keys = LoadReceiptKeys(Workspace(flags.workspace));
    if (!absl::IsNotFound(keys.status())) return keys;
    return MakeError(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
                     {.what = absl::StrCat(flags.workspace, ": holds no keys of a coordinator"),
                      .why = "a receipt is checked with the keys that were kept from joining",
                      .fix = "name the member's directory with --workspace, or give "
                             "--coordinator-key and --log-key"});
  }
  ASSIGN_OR_RETURN(const std::string pem,
                   ReadFileBounded(flags.coordinator_key, limits::kKeyFileBytesMax));
  ASSIGN_OR_RETURN(PublicKey coordinator, PublicKey::FromPem(pem));
  ASSIGN_OR_RETURN(NoteVerifier log,
                   NoteVerifier::FromText(absl::StripAsciiWhitespace(flags.log_key)));
  return ReceiptKeys{.coordinator = std::move(coordinator), .log = std::move(log)};
}

std::string Place(const Receipt& receipt, const ReceiptRecord& record, const std::string& time) {
  return absl::StrCat("\n  log entry ", record.index, " of ", receipt.head.size,
                      ", under the signed root ", receipt.head.root.Hex(), "\n  time ",
                      time.empty() ? "not said" : time);
}

std::string DescribeVerdict(const Receipt& receipt) {
  const VerdictReceipt& verdict = *receipt.verdict;
  return absl::StrCat("verified: ", verdict.submission, "  ", verdict.state, "\n  root digest ",
                      verdict.root_digest, Place(receipt, *verdict.record, verdict.time));
}

std::string DescribeWithdrawal(const Receipt& receipt, const Erasure& erasure) {
  const WithdrawalReceipt& withdrawal = *receipt.withdrawal;
  std::string text = absl::StrCat("verified: ", withdrawal.contributor, "  ", erasure.Headline(),
                                  Place(receipt, withdrawal.record, withdrawal.time));
  for (const WithdrawalReceipt::Submission& submission : withdrawal.submissions) {
    absl::StrAppend(&text, "\n  ", submission.name, "  ",
                    submission.root_digest.empty() ? "never checked" : submission.root_digest);
  }
  for (const Digest& digest : withdrawal.deleted) {
    absl::StrAppend(&text, "\n  deleted ", digest.Hex());
  }
  for (const Digest& digest : withdrawal.kept) {
    absl::StrAppend(&text, "\n  kept    ", digest.Hex(), "  (others have it, too)");
  }
  return text;
}

absl::Status Verify(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const ReceiptKeys keys, KeysOf(flags));
  ASSIGN_OR_RETURN(const std::string envelope, ReadFileBounded(flags.file, limits::kJsonBytesMax));
  const absl::StatusOr<Receipt> receipt = VerifyReceipt(absl::StripAsciiWhitespace(envelope), keys);
  if (!receipt.ok()) return Annotate(receipt.status(), flags.file);
  nlohmann::json result = receipt->payload;
  result["verified"] = true;
  result["kind"] = receipt->kind;
  result["log_size"] = receipt->head.size;
  result["log_root"] = receipt->head.root.Hex();
  if (!receipt->withdrawal.has_value()) {
    console.Result(result, DescribeVerdict(*receipt));
    return absl::OkStatus();
  }
  const Erasure erasure = CompareOrWarn(Workspace(flags.workspace), *receipt->withdrawal, console);
  result["erased"] = erasure.Erased();
  result["not_deleted"] = erasure.Json();
  console.Result(result, DescribeWithdrawal(*receipt, erasure));
  return absl::OkStatus();
}

}  // namespace

Command MakeVerifyReceiptCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "verify-receipt",
          .summary = "check a coordinator's receipt without asking it",
          .details =
              "  kalavai verify-receipt ~/.kalavai/receipts/withdrawal.json\n"
              "  kalavai verify-receipt FILE --coordinator-key coordinator.pub.pem \\\n"
              "      --log-key 'kalavai/…+…+…'      # anybody, without a workspace\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("file", flags->file, "the receipt")->required()->type_name("FILE");
                app.add_option("--coordinator-key", flags->coordinator_key,
                               "PEM of the coordinator's public key (default: the workspace's)")
                    ->type_name("FILE");
                app.add_option("--log-key", flags->log_key,
                               "verifier key of its record (default: the workspace's)")
                    ->type_name("KEY");
                AddWorkspaceOption(app, &flags->workspace);
              },
          .run = [flags](Console& console) { return Verify(*flags, console); }};
}

}  // namespace kalavai::contributor
