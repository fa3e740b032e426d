#include "coordinator/transparency/transparency_log.h"

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"

namespace kalavai::coordinator {
namespace {

absl::Status Damaged(absl::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "LOG_DAMAGED",
                   {.what = absl::StrCat("log: ", what),
                    .why = "the record is append-only; a coordinator whose record was changed must "
                           "not go on signing it",
                    .fix = "restore the last backup, and tell the members what happened"});
}

absl::Status CheckSize(uint64_t size, uint64_t stored) {
  if (size <= stored) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "PROOF_INVALID",
      {.what = absl::StrCat("log: a proof for size ", size, " asked for; must be at most ", stored),
       .fix = "ask for the size of a signed tree head",
       .metadata = {{"maximum", absl::StrCat(stored)}}});
}

}  // namespace

absl::StatusOr<int64_t> TransparencyLog::Size() const {
  int64_t size = 0;
  RETURN_IF_ERROR(
      database_.Query("SELECT COALESCE(MAX(log_index) + 1, 0) FROM log_entries", [&](Row& row) {
        size = row.Int(0);
        return absl::OkStatus();
      }));
  return size;
}

absl::StatusOr<std::optional<TreeState>> TransparencyLog::StoredState() const {
  std::optional<TreeState> state;
  RETURN_IF_ERROR(database_.Query("SELECT log_size, root_hash FROM log_state", [&](Row& row) {
    state = TreeState{.size = static_cast<uint64_t>(row.Int(0)), .root = row.Digest(1)};
    return absl::OkStatus();
  }));
  return state;
}

absl::StatusOr<TreeState> TransparencyLog::State() const {
  ASSIGN_OR_RETURN(const std::optional<TreeState> state, StoredState());
  return state.value_or(TreeState{.size = 0, .root = RootHash({})});
}

absl::StatusOr<Digest> TransparencyLog::Node(int level, uint64_t position) const {
  std::optional<Digest> hash;
  const auto read = [&](Row& row) {
    hash = row.Digest(0);
    return absl::OkStatus();
  };
  if (level == 0) {
    RETURN_IF_ERROR(
        database_.Query("SELECT leaf_hash FROM log_entries WHERE log_index = ?1", read, position));
  } else {
    RETURN_IF_ERROR(database_.Query("SELECT hash FROM log_nodes WHERE level = ?1 AND position = ?2",
                                    read, level, position));
  }
  if (!hash.has_value()) {
    return Damaged(absl::StrCat("no subtree ", position, " of level ", level, " found"));
  }
  return *hash;
}

absl::Status TransparencyLog::InsertNode(const TreeNode& node) {
  return database_.Execute("INSERT INTO log_nodes(level, position, hash) VALUES (?1, ?2, ?3)",
                           node.level, node.position, node.hash);
}

absl::Status TransparencyLog::AppendToTree(const Digest& leaf_hash, uint64_t size) {
  const auto nodes = [this](int level, uint64_t position) { return Node(level, position); };
  ASSIGN_OR_RETURN(CompactRange range, CompactRange::Load(size, nodes));
  for (const TreeNode& node : range.Append(leaf_hash)) RETURN_IF_ERROR(InsertNode(node));
  return database_.Execute(
      "INSERT INTO log_state(id, log_size, root_hash) VALUES (1, ?1, ?2) "
      "ON CONFLICT (id) DO UPDATE SET log_size = excluded.log_size, root_hash = excluded.root_hash",
      range.size(), range.Root());
}

absl::Status TransparencyLog::Append(int64_t index, absl::string_view leaf, absl::Time time) {
  ASSIGN_OR_RETURN(const TreeState state, State());
  const Digest leaf_hash = LeafHash(leaf);
  RETURN_IF_ERROR(database_.Execute(
      "INSERT INTO log_entries(log_index, leaf, leaf_hash, time) VALUES (?1, ?2, ?3, ?4)", index,
      leaf, leaf_hash, time));
  if (static_cast<uint64_t>(index) != state.size) {
    return Damaged(absl::StrCat("leaf ", index, " to be appended; must be ", state.size));
  }
  return AppendToTree(leaf_hash, state.size);
}

absl::StatusOr<std::vector<LogLeaf>> TransparencyLog::List(int64_t start_index,
                                                           int64_t count) const {
  std::vector<LogLeaf> leaves;
  RETURN_IF_ERROR(database_.Query(
      "SELECT log_index, leaf, leaf_hash, time FROM log_entries WHERE log_index >= ?1 "
      "ORDER BY log_index LIMIT ?2",
      [&](Row& row) {
        leaves.push_back({.index = row.Int(0),
                          .leaf = row.Text(1),
                          .leaf_hash = row.Digest(2),
                          .time = row.Time(3)});
        return absl::OkStatus();
      },
      start_index, count));
  return leaves;
}

absl::StatusOr<std::vector<Digest>> TransparencyLog::ProveInclusion(LeafPosition leaf) const {
  ASSIGN_OR_RETURN(const TreeState state, State());
  RETURN_IF_ERROR(CheckSize(leaf.size, state.size));
  return InclusionProof(leaf,
                        [this](int level, uint64_t position) { return Node(level, position); });
}

absl::StatusOr<std::vector<Digest>> TransparencyLog::ProveConsistency(uint64_t first,
                                                                      uint64_t second) const {
  ASSIGN_OR_RETURN(const TreeState state, State());
  RETURN_IF_ERROR(CheckSize(second, state.size));
  return ConsistencyProof(first, second,
                          [this](int level, uint64_t position) { return Node(level, position); });
}

absl::Status TransparencyLog::BuildTree() {
  CompactRange range;
  const auto add = [&](Row& row) -> absl::Status {
    for (const TreeNode& node : range.Append(row.Digest(0))) RETURN_IF_ERROR(InsertNode(node));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(database_.Query("SELECT leaf_hash FROM log_entries ORDER BY log_index", add));
  return database_.Execute("INSERT INTO log_state(id, log_size, root_hash) VALUES (1, ?1, ?2)",
                           range.size(), range.Root());
}

absl::Status TransparencyLog::Prepare() {
  ASSIGN_OR_RETURN(const std::optional<TreeState> state, StoredState());
  ASSIGN_OR_RETURN(const int64_t size, Size());
  if (!state.has_value() && size > 0) {
    RETURN_IF_ERROR(database_.Transact([&] { return BuildTree(); }));
  }
  return Verify().status();
}

absl::StatusOr<TreeState> TransparencyLog::Verify() const {
  CompactRange range;
  std::vector<std::vector<Digest>> levels;  // [level − 1][position]
  const auto add_leaf = [&](Row& row) -> absl::Status {
    const int64_t index = row.Int(0);
    const Digest leaf_hash = LeafHash(row.Text(1));
    if (index != static_cast<int64_t>(range.size())) {
      return Damaged(absl::StrCat("leaf ", index, " found; must be ", range.size()));
    }
    if (leaf_hash != row.Digest(2)) {
      return Damaged(absl::StrCat("leaf ", index, " has hash ", leaf_hash.Hex(), "; must be ",
                                  row.Digest(2).Hex()));
    }
    for (const TreeNode& node : range.Append(leaf_hash)) {
      const auto level = static_cast<size_t>(node.level);
      if (levels.size() < level) levels.emplace_back();
      levels[level - 1].push_back(node.hash);
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(database_.Query(
      "SELECT log_index, leaf, leaf_hash FROM log_entries ORDER BY log_index", add_leaf));
  size_t found = 0;
  const auto check_node = [&](Row& row) -> absl::Status {
    const auto level = static_cast<size_t>(row.Int(0));
    const auto position = static_cast<size_t>(row.Int(1));
    ++found;
    if (level < 1 || level > levels.size() || position >= levels[level - 1].size() ||
        levels[level - 1][position] != row.Digest(2)) {
      return Damaged(
          absl::StrCat("subtree ", position, " of level ", level, " is not that of its leaves"));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(database_.Query("SELECT level, position, hash FROM log_nodes", check_node));
  size_t wanted = 0;
  for (const auto& level : levels) wanted += level.size();
  if (found != wanted) return Damaged(absl::StrCat(found, " subtrees found; must be ", wanted));
  const TreeState computed = {.size = range.size(), .root = range.Root()};
  ASSIGN_OR_RETURN(const TreeState stored, State());
  if (computed == stored) return computed;
  return Damaged(absl::StrCat(computed.size, " leaves with root ", computed.root.Hex(),
                              " found; must be ", stored.size, " with root ", stored.root.Hex()));
}

}  // namespace kalavai::coordinator
