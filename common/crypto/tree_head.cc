#include "common/crypto/tree_head.h"

#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/signed_note.h"

namespace kalavai {
namespace {

constexpr uint64_t kSizeMax = std::numeric_limits<int64_t>::max();  // sizes travel as int64

absl::Status TreeHeadInvalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "TREE_HEAD_INVALID",
                   {.what = absl::StrCat("tree head: ", what),
                    .why = "a signed tree head has one reading",
                    .fix = "tell the launcher: the log signs what it must not"});
}

}  // namespace

absl::StatusOr<std::string> SignTreeHead(const TreeState& state, const NoteSigner& signer) {
  if (state.size > kSizeMax) return TreeHeadInvalid("the size must be at most 2^63 - 1");
  return SignNote(absl::StrCat(signer.verifier().name(), "\n", state.size, "\n",
                               Base64Encode(state.root.bytes()), "\n"),
                  signer);
}

absl::StatusOr<TreeState> VerifyTreeHead(absl::string_view note, const NoteVerifier& verifier) {
  ASSIGN_OR_RETURN(const std::string text, OpenNote(note, verifier));
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.size() != 4) {  // the fourth is empty: after the last newline
    return TreeHeadInvalid(
        absl::StrCat(lines.size() - 1, " lines found; must be origin, size and root"));
  }
  if (lines[0] != verifier.name()) {
    return TreeHeadInvalid(absl::StrCat("origin '", lines[0], "' found; must be the key's name '",
                                        verifier.name(), "'"));
  }
  TreeState state;
  if (!absl::SimpleAtoi(lines[1], &state.size) || state.size > kSizeMax ||
      absl::StrCat(state.size) != lines[1]) {
    return TreeHeadInvalid(
        absl::StrCat("size '", lines[1], "' found; must be a decimal number up to 2^63 - 1"));
  }
  const absl::StatusOr<std::string> root = Base64Decode(lines[2]);
  if (!root.ok() || root->size() != Digest::kBytes) {
    return TreeHeadInvalid("the root must be canonical base64 of 32 bytes");
  }
  ASSIGN_OR_RETURN(state.root, Digest::FromBytes(*root));
  if (state.size == 0 && state.root != RootHash({})) {
    return TreeHeadInvalid("an empty tree with another root than SHA-256 of nothing");
  }
  return state;
}

}  // namespace kalavai
