#include "coordinator/admin/log_audit.h"

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"

namespace kalavai::coordinator {

absl::Status LogContradiction(absl::string_view what) {
  return MakeError(
      absl::StatusCode::kDataLoss, "LOG_INCONSISTENT",
      {.what = absl::StrCat("the coordinator's record contradicts itself: ", what),
       .why = "the record is append-only, and its tree heads are what members keep",
       .fix = "stop the coordinator, keep its data directory as it is, and compare it with the "
              "last backup"});
}

absl::Status LogAudit::ExpectPrefix(const TreeState& kept) {
  if (kept.size > head_.size) {
    return LogContradiction(
        absl::StrCat("it shrank from ", kept.size, " to ", head_.size, " leaves"));
  }
  const auto [place, is_new] = expected_.emplace(kept.size, kept.root);
  if (!is_new && place->second != kept.root) {
    return LogContradiction(absl::StrCat("two roots of ", kept.size, " leaves: ", kept.root.Hex(),
                                         " and ", place->second.Hex()));
  }
  return range_.size() == kept.size ? CheckRoot() : absl::OkStatus();
}

absl::Status LogAudit::CheckRoot() const {
  const auto expected = expected_.find(range_.size());
  if (expected == expected_.end() || expected->second == range_.Root()) return absl::OkStatus();
  return LogContradiction(absl::StrCat("the first ", range_.size(), " leaves have root ",
                                       range_.Root().Hex(), "; must be ", expected->second.Hex(),
                                       ", as was kept"));
}

absl::Status LogAudit::Add(int64_t index, absl::string_view leaf, absl::string_view leaf_hash_hex) {
  if (index != static_cast<int64_t>(range_.size())) {
    return LogContradiction(absl::StrCat("leaf ", index, " found; must be leaf ", range_.size()));
  }
  const Digest hash = LeafHash(leaf);
  if (hash.Hex() != leaf_hash_hex) {
    return LogContradiction(absl::StrCat("leaf ", index, " has hash ", hash.Hex(),
                                         "; its entry says ", leaf_hash_hex.substr(0, 80)));
  }
  const auto json = ReadJson(leaf);
  const auto named = json.ok() ? JsonInt(*json, "index") : json.status();
  if (!named.ok() || *named != index) {
    return LogContradiction(absl::StrCat("leaf ", index, " does not name its own index"));
  }
  range_.Append(hash);
  return CheckRoot();
}

absl::Status LogAudit::Finish() const {
  if (range_.size() != head_.size) {
    return LogContradiction(
        absl::StrCat(range_.size(), " leaves found; the signed head says ", head_.size));
  }
  if (range_.Root() == head_.root) return absl::OkStatus();
  return LogContradiction(absl::StrCat("its ", head_.size, " leaves have root ",
                                       range_.Root().Hex(), "; the signed head says ",
                                       head_.root.Hex()));
}

}  // namespace kalavai::coordinator
