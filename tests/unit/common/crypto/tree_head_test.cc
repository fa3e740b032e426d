// Goal: a tree head is three lines that its log signed, and nothing else.
// Method: heads of every size class round trip; a table of texts, each correctly signed, so that
// only the head's own rules can refuse it.
#include "common/crypto/tree_head.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "common/base/hex.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/signed_note.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;

TEST_CASE("A tree head says what was signed, in the published form", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const NoteSigner log, NoteSigner::Create("example.com/behind-the-sofa"));
  const Digest root =
      Digest::FromBytes(Base64Decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=").value())
          .value();
  REQUIRE_OK_AND_ASSIGN(const std::string note,
                        SignTreeHead({.size = 20852163, .root = root}, log));
  // c2sp.org/tlog-checkpoint's example but for the signature, whose key is not published.
  CHECK(note.rfind("example.com/behind-the-sofa\n20852163\n"
                   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
                   "\xe2\x80\x94 example.com/behind-the-sofa ",
                   0) == 0);
  for (const uint64_t size : {uint64_t{1}, uint64_t{10}, (uint64_t{1} << 63) - 1}) {
    const TreeState state = {.size = size, .root = root};
    CHECK(VerifyTreeHead(SignTreeHead(state, log).value(), log.verifier()).value() == state);
  }
  const TreeState empty = {.size = 0, .root = RootHash({})};
  CHECK(VerifyTreeHead(SignTreeHead(empty, log).value(), log.verifier()).value() == empty);
  REQUIRE_STATUS(SignTreeHead({.size = uint64_t{1} << 63, .root = root}, log),
                 StatusCode::kInvalidArgument, "TREE_HEAD_INVALID");
}

TEST_CASE("Signed texts that are no tree head of this log are refused", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const NoteSigner log, NoteSigner::Create("example.com/log"));
  const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
  const std::string origin = "example.com/log\n";
  REQUIRE_OK(VerifyTreeHead(SignNote(absl::StrCat(origin, "5\n", root, "\n"), log).value(),
                            log.verifier()));
  for (const std::string& text : {
           std::string("\n"),
           origin,
           absl::StrCat(origin, "5\n"),
           absl::StrCat("other.example/log\n5\n", root, "\n"),
           absl::StrCat("\n5\n", root, "\n"),
           absl::StrCat(origin, "05\n", root, "\n"),
           absl::StrCat(origin, "+5\n", root, "\n"),
           absl::StrCat(origin, " 5\n", root, "\n"),
           absl::StrCat(origin, "5 \n", root, "\n"),
           absl::StrCat(origin, "-5\n", root, "\n"),
           absl::StrCat(origin, "0x5\n", root, "\n"),
           absl::StrCat(origin, "5.0\n", root, "\n"),
           absl::StrCat(origin, "\n", root, "\n"),
           absl::StrCat(origin, "9223372036854775808\n", root, "\n"),
           absl::StrCat(origin, "18446744073709551617\n", root, "\n"),
           absl::StrCat(origin, "0\n", root, "\n"),
           absl::StrCat(origin, "5\n", root.substr(0, 43), "\n"),
           absl::StrCat(origin, "5\n", root, "=\n"),
           absl::StrCat(origin, "5\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n"),
           absl::StrCat(origin, "5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n"),
           absl::StrCat(origin, "5\n", Base64Encode("short"), "\n"),
           absl::StrCat(origin, "5\n", root, "\nextension\n"),
           absl::StrCat(origin, "5\n", root, "\n\n"),
           absl::StrCat("\n", origin, "5\n", root, "\n"),
       }) {
    INFO(text);
    REQUIRE_OK_AND_ASSIGN(const std::string note, SignNote(text, log));
    REQUIRE_STATUS(VerifyTreeHead(note, log.verifier()), StatusCode::kInvalidArgument,
                   "TREE_HEAD_INVALID");
  }
}

TEST_CASE("Another log's head is refused", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const NoteSigner log, NoteSigner::Create("example.com/log"));
  REQUIRE_OK_AND_ASSIGN(const NoteSigner impostor, NoteSigner::Create("example.com/log"));
  const std::string note = SignTreeHead({.size = 1, .root = LeafHash("a")}, impostor).value();
  REQUIRE_STATUS(VerifyTreeHead(note, log.verifier()), StatusCode::kPermissionDenied,
                 "KEY_MISMATCH");
}

}  // namespace
}  // namespace kalavai
