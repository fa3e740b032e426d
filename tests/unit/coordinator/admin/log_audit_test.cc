// Goal: an audit of a log passes exactly when every leaf is what was signed, in its place.
// Method: logs of up to 33 leaves, honest; then one with each kind of damage at every leaf; kept
// heads of every size, true and forged.
#include "coordinator/admin/log_audit.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/crypto/merkle_tree.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

struct Entry {
  int64_t index;
  std::string leaf;
  std::string hash;
};

std::vector<Entry> Leaves(int64_t count) {
  std::vector<Entry> leaves;
  for (int64_t i = 0; i < count; ++i) {
    const std::string leaf = absl::StrCat("{\"index\":", i, "}");
    leaves.push_back({i, leaf, LeafHash(leaf).Hex()});
  }
  return leaves;
}

TreeState HeadOf(const std::vector<Entry>& leaves, size_t count) {
  CompactRange range;
  for (size_t i = 0; i < count; ++i) range.Append(LeafHash(leaves[i].leaf));
  return {.size = range.size(), .root = range.Root()};
}

absl::Status Check(LogAudit audit, const std::vector<Entry>& leaves) {
  for (const Entry& entry : leaves) {
    const absl::Status added = audit.Add(entry.index, entry.leaf, entry.hash);
    if (!added.ok()) return added;
  }
  return audit.Finish();
}

constexpr auto kLoss = absl::StatusCode::kDataLoss;

TEST_CASE("An honest log of any size passes, with every head ever kept of it") {
  for (int64_t size = 0; size <= 33; ++size) {
    INFO(size);
    const std::vector<Entry> leaves = Leaves(size);
    LogAudit audit(HeadOf(leaves, leaves.size()));
    for (size_t kept = 0; kept <= leaves.size(); ++kept) {
      REQUIRE_OK(audit.ExpectPrefix(HeadOf(leaves, kept)));
    }
    REQUIRE_OK(Check(audit, leaves));
  }
}

TEST_CASE("Every damage of every leaf is found") {
  const std::vector<Entry> honest = Leaves(13);
  const TreeState head = HeadOf(honest, honest.size());
  using Log = std::vector<Entry>;
  const std::vector<std::function<void(Log&, size_t)>> damages = {
      [](Log& log, size_t i) { log[i].leaf += " "; },
      [](Log& log, size_t i) {  // bytes and hash agree: the root differs
        log[i].leaf += " ";
        log[i].hash = LeafHash(log[i].leaf).Hex();
      },
      [](Log& log, size_t i) { log[i].hash = Digest().Hex(); },
      [](Log& log, size_t i) { log[i].hash.clear(); },
      [](Log& log, size_t i) { log[i].index += 1; },
      [](Log& log, size_t i) { log[i].index = -1; },
      [](Log& log, size_t i) { log.erase(log.begin() + static_cast<int64_t>(i)); },
      [](Log& log, size_t i) {
        const Entry twice = log[i];
        log.insert(log.begin() + static_cast<int64_t>(i), twice);
      },
      [](Log& log, size_t i) { std::swap(log[i], log[(i + 1) % log.size()]); },
      [](Log& log, size_t i) { std::swap(log[i].leaf, log[(i + 1) % log.size()].leaf); },
      [](Log& log, size_t i) { log.resize(i); }};
  for (size_t d = 0; d < damages.size(); ++d) {
    for (size_t i = 0; i < honest.size(); ++i) {
      INFO("damage " << d << " of leaf " << i);
      Log log = honest;
      damages[d](log, i);
      REQUIRE_STATUS(Check(LogAudit(head), log), kLoss, "LOG_INCONSISTENT");
    }
  }
  Log longer = honest;
  longer.push_back(Leaves(14).back());
  REQUIRE_STATUS(Check(LogAudit(head), longer), kLoss, "LOG_INCONSISTENT");
}

TEST_CASE("A kept head of another history is found") {
  const std::vector<Entry> leaves = Leaves(9);
  const TreeState head = HeadOf(leaves, 9);
  for (uint64_t size = 0; size <= 9; ++size) {
    INFO(size);
    LogAudit audit(head);
    absl::Status status = audit.ExpectPrefix({.size = size, .root = Sha256Of("other")});
    if (status.ok()) status = Check(audit, leaves);
    REQUIRE_STATUS(status, kLoss, "LOG_INCONSISTENT");
  }
  LogAudit audit(head);
  REQUIRE_STATUS(audit.ExpectPrefix({.size = 10, .root = Digest()}), kLoss, "LOG_INCONSISTENT");
  REQUIRE_OK(audit.ExpectPrefix(HeadOf(leaves, 4)));
  REQUIRE_STATUS(audit.ExpectPrefix({.size = 4, .root = Digest()}), kLoss, "LOG_INCONSISTENT");
}

}  // namespace
}  // namespace kalavai::coordinator
