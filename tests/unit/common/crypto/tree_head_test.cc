// Goal: a tree head is three lines that its log signed, and nothing else.
// Method: heads of every size class round trip; a table of texts, each correctly signed, so that
// only the head's own rules can refuse it; the worked example of docs/formats/transparency-log.md,
// read from the page.
#include "common/crypto/tree_head.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/base/hex.h"
#include "common/crypto/compact_range.h"
#include "common/crypto/merkle_proof.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/signed_note.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;

// The block of this name in the document, without its last line end.
std::string Block(const std::string& page, const std::string& name) {
  const std::string open = absl::StrCat("```text ", name, "\n");
  const size_t start = page.find(open);
  REQUIRE(start != std::string::npos);
  const size_t end = page.find("\n```", start);
  REQUIRE(end != std::string::npos);
  return page.substr(start + open.size(), end - start - open.size());
}

std::vector<Digest> Hashes(const std::string& block) {
  std::vector<Digest> hashes;
  for (const absl::string_view line : absl::StrSplit(block, '\n')) {
    hashes.push_back(Digest::FromBytes(Base64Decode(line).value()).value());
  }
  return hashes;
}

TEST_CASE("The example of the documentation is what it says", "[crypto]") {
  const std::string page = testing::ReadFile(
      absl::StrCat(KALAVAI_GOLDEN_DIR, "/../../docs/formats/transparency-log.md"));
  const std::vector<std::string> leaves = absl::StrSplit(Block(page, "leaves"), '\n');
  const std::vector<std::string> hex = absl::StrSplit(Block(page, "leaf-hashes"), '\n');
  REQUIRE(leaves.size() == 5);
  REQUIRE(hex.size() == 5);
  CompactRange range;
  std::vector<Digest> hashes;
  std::vector<TreeState> states = {{.size = 0, .root = range.Root()}};
  for (size_t i = 0; i < leaves.size(); ++i) {
    hashes.push_back(LeafHash(leaves[i]));
    CHECK(hashes.back().Hex() == hex[i]);
    range.Append(hashes.back());
    states.push_back({.size = range.size(), .root = range.Root()});
  }
  REQUIRE_OK_AND_ASSIGN(const NoteVerifier verifier,
                        NoteVerifier::FromText(Block(page, "verifier-key")));
  const std::string head3 = absl::StrCat(Block(page, "tree-head-3"), "\n");
  const std::string head5 = absl::StrCat(Block(page, "tree-head-5"), "\n");
  CHECK(VerifyTreeHead(head3, verifier).value() == states[3]);
  CHECK(VerifyTreeHead(head5, verifier).value() == states[5]);
  CHECK(page.find(states[5].root.Hex()) != std::string::npos);

  const std::vector<Digest> inclusion = Hashes(Block(page, "inclusion-2-of-5"));
  CHECK(inclusion == InclusionProof(hashes, 2).value());
  REQUIRE_OK(VerifyInclusion({.index = 2, .size = 5}, hashes[2], inclusion, states[5].root));
  const std::vector<Digest> consistency = Hashes(Block(page, "consistency-3-to-5"));
  CHECK(consistency == ConsistencyProof(hashes, 3).value());
  REQUIRE_OK(VerifyConsistency(states[3], states[5], consistency));
  // And nothing else: another leaf, another size, the older head's text under the newer signature.
  CHECK_FALSE(VerifyInclusion({.index = 2, .size = 5}, hashes[1], inclusion, states[5].root).ok());
  CHECK_FALSE(VerifyConsistency(states[2], states[5], consistency).ok());
  const size_t text3 = head3.find("\n\n");
  const size_t text5 = head5.find("\n\n");
  REQUIRE_STATUS(VerifyTreeHead(head3.substr(0, text3) + head5.substr(text5), verifier),
                 StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
}

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
