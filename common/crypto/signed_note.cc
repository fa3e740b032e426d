#include "common/crypto/signed_note.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"

namespace kalavai {
namespace {

constexpr absl::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space
constexpr size_t kKeyIdBytes = 4;

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "NOTE_MALFORMED",
                   {.what = absl::StrCat("signed note: ", what),
                    .why = "a signed text has one reading",
                    .fix = "fetch it again from the log"});
}

absl::Status CheckCharacters(absl::string_view text) {
  if (!CheckUtf8(text).ok()) {
    return Malformed(absl::StrCat("byte ", ValidUtf8Prefix(text), " is not UTF-8"));
  }
  for (size_t at = 0; at < text.size(); ++at) {
    if (static_cast<unsigned char>(text[at]) < 0x20 && text[at] != '\n') {
      return Malformed(absl::StrCat("control character at byte ", at, " found; none is allowed"));
    }
  }
  return absl::OkStatus();
}

struct SignatureLine {
  absl::string_view name;
  uint32_t key_id = 0;
  std::string signature;
};

absl::StatusOr<SignatureLine> ReadSignatureLine(absl::string_view line, int number) {
  const auto bad = [&](absl::string_view what) {
    return Malformed(absl::StrCat("signature ", number, ": ", what));
  };
  if (!absl::ConsumePrefix(&line, kDash)) return bad("must begin with an em dash and a space");
  const size_t space = line.find(' ');
  if (space == absl::string_view::npos || space == 0) return bad("must be a name and base64");
  const absl::string_view name = line.substr(0, space);
  if (name.find('+') != absl::string_view::npos) return bad("the name must not hold '+'");
  const absl::StatusOr<std::string> bytes = Base64Decode(line.substr(space + 1));
  if (!bytes.ok() || bytes->size() <= kKeyIdBytes) {
    return bad("must be canonical base64 of a key ID and a signature");
  }
  SignatureLine read = {.name = name, .key_id = 0, .signature = bytes->substr(kKeyIdBytes)};
  for (size_t i = 0; i < kKeyIdBytes; ++i) {
    read.key_id = read.key_id << 8 | static_cast<unsigned char>((*bytes)[i]);
  }
  return read;
}

}  // namespace

absl::StatusOr<std::string> SignNote(absl::string_view text, const NoteSigner& signer) {
  if (text.empty() || text.back() != '\n') return Malformed("the text must end in a newline");
  RETURN_IF_ERROR(CheckCharacters(text));
  ASSIGN_OR_RETURN(const std::string signature, signer.Sign(text));
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(signer.verifier().key_id() >> shift & 0xff));
  }
  return absl::StrCat(text, "\n", kDash, signer.verifier().name(), " ",
                      Base64Encode(absl::StrCat(bytes, signature)), "\n");
}

absl::StatusOr<std::string> OpenNote(absl::string_view note, const NoteVerifier& verifier) {
  if (note.size() > static_cast<size_t>(limits::kNoteBytesMax)) {
    return Malformed(
        absl::StrCat(note.size(), " bytes found; must be at most ", limits::kNoteBytesMax));
  }
  RETURN_IF_ERROR(CheckCharacters(note));
  // Text may hold empty lines: the last one separates.
  const size_t separator = note.rfind("\n\n");
  if (separator == absl::string_view::npos) return Malformed("no empty line before signatures");
  if (note.back() != '\n') return Malformed("the last line must end in a newline");
  const absl::string_view text = note.substr(0, separator + 1);
  absl::string_view lines = note.substr(separator + 2);
  if (lines.empty()) return Malformed("no signature");
  bool is_signed = false;
  for (int number = 1; !lines.empty(); ++number) {
    if (number > limits::kNoteSignaturesMax) {
      return Malformed(absl::StrCat("more than ", limits::kNoteSignaturesMax, " signatures"));
    }
    const size_t end = lines.find('\n');
    ASSIGN_OR_RETURN(const SignatureLine line, ReadSignatureLine(lines.substr(0, end), number));
    lines.remove_prefix(end + 1);
    if (line.name != verifier.name() || line.key_id != verifier.key_id()) continue;
    if (is_signed) return Malformed("two signatures by the log's key");
    if (!verifier.Verify(text, line.signature)) {
      return MakeError(absl::StatusCode::kPermissionDenied, "SIGNATURE_INVALID",
                       {.what = absl::StrCat("signed note: the signature by ", verifier.name(),
                                             " does not verify"),
                        .why = "the text was changed after signing, or signed with another key",
                        .fix = "fetch it again from the log"});
    }
    is_signed = true;
  }
  if (!is_signed) {
    return MakeError(absl::StatusCode::kPermissionDenied, "KEY_MISMATCH",
                     {.what = absl::StrCat("signed note: no signature by ", verifier.Text()),
                      .why = "only the key kept from joining counts",
                      .fix = "ask the launcher whether the log's key was replaced, and why"});
  }
  return std::string(text);
}

}  // namespace kalavai
