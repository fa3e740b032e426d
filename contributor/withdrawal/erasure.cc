#include "contributor/withdrawal/erasure.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/status_macros.h"
#include "common/corpus/document_list.h"

namespace kalavai::contributor {
namespace {

bool IsOwn(const Egress& egress, const EgressItem& item) {
  if (egress.act == "share-sample") return true;
  return egress.act == "submit" &&
         (absl::EndsWith(item.path, ".safetensors") || item.path == kTrainingDocumentsFile);
}

bool Contains(const std::vector<Digest>& digests, const Digest& digest) {
  return std::find(digests.begin(), digests.end(), digest) != digests.end();
}

}  // namespace

absl::StatusOr<Erasure> CompareWithSent(const Workspace& workspace,
                                        const WithdrawalReceipt& receipt) {
  ASSIGN_OR_RETURN(const std::vector<KeptEgress> receipts, ListEgressReceipts(workspace));
  std::map<std::pair<std::string, std::string>, Erasure::Left> left;
  Erasure erasure;
  // Who submitted has sent something; without its receipts nothing can be compared.
  erasure.is_known = receipt.submissions.empty() && receipt.deleted.empty() && receipt.kept.empty();
  for (const KeptEgress& kept : receipts) {
    if (kept.contributor != receipt.contributor) continue;
    erasure.is_known = true;
    for (const EgressItem& item : kept.egress.items) {
      if (!IsOwn(kept.egress, item) || Contains(receipt.deleted, item.digest)) continue;
      left[{item.path, item.digest.Hex()}] = {
          .path = item.path, .digest = item.digest, .kept = Contains(receipt.kept, item.digest)};
    }
  }
  for (auto& [key, entry] : left) erasure.left.push_back(std::move(entry));
  return erasure;
}

Erasure CompareOrWarn(const Workspace& workspace, const WithdrawalReceipt& receipt,
                      Console& console) {
  const absl::StatusOr<Erasure> erasure = CompareWithSent(workspace, receipt);
  if (!erasure.ok()) {
    console.Warn(absl::StrCat("what was sent cannot be compared: ", erasure.status().message()));
    return Erasure();
  }
  if (const std::string warning = erasure->Warning(); !warning.empty()) console.Warn(warning);
  return *erasure;
}

nlohmann::json Erasure::Erased() const {
  return is_known ? nlohmann::json(left.empty()) : nlohmann::json(nullptr);
}

std::string Erasure::Headline() const {
  if (IsComplete()) return "WITHDRAWN and erased";
  if (!is_known) return "WITHDRAWN; what it sent is not known here, and was not compared";
  return "WITHDRAWN; not all that it sent is among what was deleted";
}

std::string Erasure::Warning() const {
  std::string text;
  for (const Left& entry : left) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", entry.path, " (", entry.digest.Hex(), ") ",
                    entry.kept
                        ? "is NOT deleted: somebody else sent the same bytes, and the coordinator "
                          "keeps those"
                        : "was to be sent and is not in the receipt: it never arrived whole, or "
                          "the coordinator does not account for it");
  }
  return text;
}

nlohmann::json Erasure::Json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Left& entry : left) {
    list.push_back({{"path", entry.path}, {"sha256", entry.digest.Hex()}, {"kept", entry.kept}});
  }
  return list;
}

}  // namespace kalavai::contributor
