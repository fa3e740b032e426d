// Goal: a log's key has the names and IDs that every other tool computes.
// Method: the published example key; keys written and read; a table of texts that are no key.
#include "common/crypto/note_key.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include <sys/stat.h>

#include "common/base/hex.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;

// c2sp.org/signed-note, "Example".
constexpr char kExample[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

TEST_CASE("The published verifier key is read and written", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const NoteVerifier key, NoteVerifier::FromText(kExample));
  CHECK(key.name() == "example.com/foo");
  CHECK(key.key_id() == 0x530d903a);
  CHECK(key.Text() == kExample);
}

TEST_CASE("Texts that are no verifier key are refused", "[crypto]") {
  const std::string example = kExample;
  const std::string ecdsa = Base64Encode(std::string("\x02") + std::string(32, 'k'));
  const std::string short_key = Base64Encode(std::string("\x01") + std::string(31, 'k'));
  for (const std::string& bad : {
           std::string(),
           std::string("example.com/foo"),
           std::string("example.com/foo+530d903a"),
           example + "A",
           example + "\n",
           " " + example,
           example.substr(0, example.size() - 1),
           absl::StrReplaceAll(example, {{"530d903a", "530d903b"}}),
           absl::StrReplaceAll(example, {{"530d903a", "530D903A"}}),
           absl::StrReplaceAll(example, {{"530d903a", "30d903a"}}),
           absl::StrReplaceAll(example, {{"example", "other"}}),
           absl::StrReplaceAll(example, {{"example.com/foo", ""}}),
           absl::StrCat("example.com/foo+530d903a+", ecdsa),
           absl::StrCat("example.com/foo+530d903a+", short_key),
           absl::StrCat(std::string(1000, 'n'), "+530d903a+", ecdsa),
       }) {
    INFO(bad);
    REQUIRE_STATUS(NoteVerifier::FromText(bad), StatusCode::kInvalidArgument, "NOTE_KEY_INVALID");
  }
}

TEST_CASE("Names that would split a line are refused", "[crypto]") {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a+b"),
                                  std::string("a\nb"), std::string("a\tb"),
                                  std::string("a\xc2\xa0"
                                              "b"),
                                  std::string("a\xe3\x80\x80"
                                              "b"),
                                  std::string("a\xff"), std::string("a\0b", 3),
                                  std::string("a\x7f"), std::string(256, 'n')}) {
    INFO(name);
    REQUIRE_STATUS(NoteSigner::Create(name), StatusCode::kInvalidArgument, "NOTE_KEY_INVALID");
  }
  REQUIRE_OK(NoteSigner::Create("caf\xc3\xa9.example/log"));
}

TEST_CASE("A key file is private, read back, and never overwritten", "[crypto]") {
  const testing::TempDir dir;
  const std::string path = dir.File("log.key");
  REQUIRE_OK_AND_ASSIGN(const NoteSigner key, NoteSigner::Create("example.com/log"));
  REQUIRE_OK(key.SaveToFile(path));
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  REQUIRE_OK_AND_ASSIGN(const NoteSigner read, NoteSigner::LoadFromFile(path, "example.com/log"));
  CHECK(read.verifier() == key.verifier());
  CHECK(read.Sign("text").value() == key.Sign("text").value());
  CHECK(NoteSigner::LoadFromFile(path, "example.com/other").value().verifier().key_id() !=
        key.verifier().key_id());
  REQUIRE_STATUS(key.SaveToFile(path), StatusCode::kAlreadyExists, "KEY_EXISTS");
  REQUIRE(chmod(path.c_str(), 0644) == 0);
  REQUIRE_STATUS(NoteSigner::LoadFromFile(path, "example.com/log"), StatusCode::kPermissionDenied,
                 "KEY_FILE_MODE");
  REQUIRE_OK_AND_ASSIGN(const SigningKey other, SigningKey::Create());
  REQUIRE_OK(other.SaveToFile(dir.File("p256.key")));
  REQUIRE_STATUS(NoteSigner::LoadFromFile(dir.File("p256.key"), "example.com/log"),
                 StatusCode::kInvalidArgument, "KEY_KIND_REFUSED");
  testing::WriteFile(dir.File("bad.key"), "no key");
  REQUIRE(chmod(dir.File("bad.key").c_str(), 0600) == 0);
  REQUIRE_STATUS(NoteSigner::LoadFromFile(dir.File("bad.key"), "example.com/log"),
                 StatusCode::kInvalidArgument, "KEY_INVALID");
}

TEST_CASE("Every flipped bit of a note's signature is refused", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const NoteSigner key, NoteSigner::Create("example.com/log"));
  REQUIRE_OK_AND_ASSIGN(const std::string signature, key.Sign("text"));
  CHECK(key.verifier().Verify("text", signature));
  CHECK_FALSE(key.verifier().Verify("texT", signature));
  CHECK_FALSE(key.verifier().Verify("text", signature + "x"));
  CHECK_FALSE(key.verifier().Verify("text", ""));
  for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
    std::string flipped = signature;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE_FALSE(key.verifier().Verify("text", flipped));
  }
}

}  // namespace
}  // namespace kalavai
