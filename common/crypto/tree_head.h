// Signed tree heads: how large a log was and what it held, in the form of c2sp.org/tlog-checkpoint,
// so that the tools of other transparency logs can read and witness ours.
//
//   kalavai.log/53e8…                                  origin: the log, for ever
//   20852163                                            size, decimal
//   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=        RFC 6962 root, base64
//   <empty line>
//   — kalavai.log/53e8… Az3grlgtzPICa5OS8npVmf1My…      signed_note.h; the key's name is the origin
//
// Whoever keeps a head can demand, for ever, that every later head begins with it
// (VerifyConsistency of merkle_proof.h). Pure functions; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_TREE_HEAD_H_
#define KALAVAI_COMMON_CRYPTO_TREE_HEAD_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/merkle_proof.h"
#include "common/crypto/note_key.h"

namespace kalavai {

// The signed note. Size at most 2^63 - 1.
absl::StatusOr<std::string> SignTreeHead(const TreeState& state, const NoteSigner& signer);

// The figures of a note signed by the log whose key this is. Errors: those of OpenNote;
// INVALID_ARGUMENT TREE_HEAD_INVALID when the text is not exactly the three lines above (extension
// lines are refused: no monitor could check them), the origin is not the key's name, the size has a
// leading zero or is beyond 2^63 - 1, the root is not canonical base64 of 32 bytes, or an empty
// tree has another root than SHA-256 of nothing.
absl::StatusOr<TreeState> VerifyTreeHead(absl::string_view note, const NoteVerifier& verifier);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_TREE_HEAD_H_
