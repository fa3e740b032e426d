// Signed notes (c2sp.org/signed-note): UTF-8 text, an empty line, one signature a line.
//
//   This is an example message.
//   <empty line>
//   — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E…
//
// A signature line is an em dash, a space, the key's name, a space, base64(4 bytes key ID ||
// signature). Signatures by keys that the reader does not know are ignored: witnesses add theirs.
// Pure functions; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_SIGNED_NOTE_H_
#define KALAVAI_COMMON_CRYPTO_SIGNED_NOTE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/note_key.h"

namespace kalavai {

// `text` must end in a newline, be UTF-8 and hold no other control character: NOTE_MALFORMED.
absl::StatusOr<std::string> SignNote(absl::string_view text, const NoteSigner& signer);

// The text of a note that `verifier` signed. Errors:
//   INVALID_ARGUMENT  NOTE_MALFORMED     more than limits::kNoteBytesMax bytes or
//                                        kNoteSignaturesMax signatures, not UTF-8, a control
//                                        character, a line that is no signature, two signatures by
//                                        one key
//   PERMISSION_DENIED KEY_MISMATCH       no signature by this key's name and ID
//   PERMISSION_DENIED SIGNATURE_INVALID  one, but it is not this key's over the text
absl::StatusOr<std::string> OpenNote(absl::string_view note, const NoteVerifier& verifier);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_SIGNED_NOTE_H_
