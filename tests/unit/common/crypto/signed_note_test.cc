// Goal: notes are those of the published format, byte for byte, and have one reading.
// Method: the specification's example note and key; notes with other signatures beside ours; a
// table of damaged notes.
#include "common/crypto/signed_note.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "common/base/hex.h"
#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;

// c2sp.org/signed-note, "Example".
constexpr char kKey[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr char kText[] = "This is an example message.\n";
constexpr char kSignature[] =
    "\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsY"
    "jOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

std::string Example() { return absl::StrCat(kText, "\n", kSignature); }
NoteVerifier Key() { return NoteVerifier::FromText(kKey).value(); }

TEST_CASE("The published example verifies", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const std::string text, OpenNote(Example(), Key()));
  CHECK(text == kText);
}

TEST_CASE("What we sign opens, and the form is the published one", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const NoteSigner signer, NoteSigner::Create("example.com/log"));
  for (const std::string text : {"one line\n", "\n", "two\n\nparts\n", "caf\xc3\xa9\n"}) {
    REQUIRE_OK_AND_ASSIGN(const std::string note, SignNote(text, signer));
    CHECK(note.rfind(absl::StrCat(text, "\n\xe2\x80\x94 example.com/log "), 0) == 0);
    CHECK(OpenNote(note, signer.verifier()).value() == text);
    CHECK(SignNote(text, signer).value() == note);
    const std::string decoded =
        Base64Decode(note.substr(note.rfind(' ') + 1, note.size() - note.rfind(' ') - 2)).value();
    CHECK(decoded.size() == 4 + 64);
    CHECK(HexEncode(decoded.substr(0, 4)) ==
          signer.verifier().Text().substr(std::string("example.com/log+").size(), 8));
  }
  for (const std::string& bad : {std::string(), std::string("no newline"), std::string("a\tb\n"),
                                 std::string("\xff\n"), std::string("a\0b\n", 4)}) {
    REQUIRE_STATUS(SignNote(bad, signer), StatusCode::kInvalidArgument, "NOTE_MALFORMED");
  }
}

TEST_CASE("Signatures by unknown keys are ignored", "[crypto]") {
  const std::string ours = kSignature;
  REQUIRE_OK_AND_ASSIGN(const NoteSigner witness, NoteSigner::Create("witness.example/w"));
  const std::string note = SignNote(kText, witness).value();
  const std::string theirs = note.substr(note.rfind("\xe2\x80\x94"));
  // A key that shares our name but not our ID, and one that is no Ed25519 signature at all.
  REQUIRE_OK_AND_ASSIGN(const NoteSigner namesake, NoteSigner::Create("example.com/foo"));
  const std::string other = SignNote(kText, namesake).value();
  const std::string same_name = other.substr(other.rfind("\xe2\x80\x94"));
  const std::string large =
      absl::StrCat("\xe2\x80\x94 pq.example ", Base64Encode(std::string(4900, 's')), "\n");
  for (const std::string& lines : {theirs + ours, ours + theirs, same_name + ours,
                                   large + ours + theirs, theirs + theirs + ours}) {
    REQUIRE_OK_AND_ASSIGN(const std::string text,
                          OpenNote(absl::StrCat(kText, "\n", lines), Key()));
    CHECK(text == kText);
  }
  REQUIRE_STATUS(OpenNote(absl::StrCat(kText, "\n", theirs), Key()), StatusCode::kPermissionDenied,
                 "KEY_MISMATCH");
  REQUIRE_STATUS(OpenNote(absl::StrCat(kText, "\n", same_name), Key()),
                 StatusCode::kPermissionDenied, "KEY_MISMATCH");
  // At least sixteen must be accepted; there is an end somewhere.
  std::string many = ours;
  for (int i = 1; i < limits::kNoteSignaturesMax; ++i) many += theirs;
  REQUIRE_OK(OpenNote(absl::StrCat(kText, "\n", many), Key()));
  REQUIRE_STATUS(OpenNote(absl::StrCat(kText, "\n", many, theirs), Key()),
                 StatusCode::kInvalidArgument, "NOTE_MALFORMED");
}

TEST_CASE("A changed text or signature does not verify", "[crypto]") {
  const std::string note = Example();
  REQUIRE_STATUS(OpenNote("X" + note.substr(1), Key()), StatusCode::kPermissionDenied,
                 "SIGNATURE_INVALID");
  REQUIRE_STATUS(OpenNote("\n" + note, Key()), StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
  REQUIRE_STATUS(OpenNote(absl::StrReplaceAll(note, {{"QOkn8", "QOkn9"}}), Key()),
                 StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
  // A signature of another length by a known key is a bad signature, not another form of note.
  const std::string longer =
      absl::StrCat(kText, "\n\xe2\x80\x94 example.com/foo ",
                   Base64Encode(std::string("\x53\x0d\x90\x3a", 4) + std::string(65, 's')), "\n");
  REQUIRE_STATUS(OpenNote(longer, Key()), StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
}

TEST_CASE("Damaged notes are refused", "[crypto]") {
  const std::string note = Example();
  const std::string signature = kSignature;
  for (const std::string& bad : {
           std::string(),
           std::string("\n"),
           std::string("\n\n"),
           std::string(kText),
           absl::StrCat(kText, "\n"),
           absl::StrCat(kText, signature),
           note.substr(0, note.size() - 1),
           note + "\n",
           note + "junk\n",
           note + "junk",
           note + signature,
           note + "\n" + "\xe2\x80\x94 a \n",
           absl::StrReplaceAll(note, {{"\xe2\x80\x94", "-"}}),
           absl::StrReplaceAll(note, {{"\xe2\x80\x94 ", "\xe2\x80\x94"}}),
           absl::StrReplaceAll(note, {{"\n", "\r\n"}}),
           absl::StrReplaceAll(note, {{"aQM=", "aQN="}}),  // base64 with bits left over
           absl::StrReplaceAll(note, {{"aQM=", "aQM"}}),
           absl::StrReplaceAll(note, {{"aQM=", "aQM= "}}),
           absl::StrReplaceAll(note, {{"foo ", "f+o "}}),
           absl::StrReplaceAll(note, {{"foo ", "foo  "}}),
           absl::StrReplaceAll(note, {{"example.com/foo ", " "}}),
           absl::StrReplaceAll(note, {{"message", "mess\tage"}}),
           absl::StrReplaceAll(note, {{"message", "mess\xff"}}),
           absl::StrReplaceAll(note, {{"message", std::string("mess\0age", 8)}}),
           std::string(static_cast<size_t>(limits::kNoteBytesMax), 'x') + "\n\n" + signature,
       }) {
    INFO(bad.substr(0, 200));
    REQUIRE_STATUS(OpenNote(bad, Key()), StatusCode::kInvalidArgument, "NOTE_MALFORMED");
  }
}

}  // namespace
}  // namespace kalavai
