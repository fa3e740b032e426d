// Goal: digests equal the published ones and have one text form.
// Method: values of FIPS 180-4 (examples "abc" and the empty message), pieces against the whole,
// and a table of spellings that must be refused.
#include "common/crypto/sha256.h"

#include <string>

#include "common/base/limits.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;

constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST_CASE("Known messages have their published digests", "[crypto]") {
  CHECK(Sha256Of("abc").Hex() == kAbc);
  CHECK(Sha256Of("").Hex() == kEmpty);
  CHECK(Sha256().Finish().Hex() == kEmpty);
}

TEST_CASE("Pieces give the digest of the whole, and the object starts anew", "[crypto]") {
  Sha256 hash;
  for (int round = 0; round < 2; ++round) {
    hash.Update("a");
    hash.Update("");
    hash.Update("bc");
    CHECK(hash.Finish().Hex() == kAbc);
  }
}

TEST_CASE("A file larger than the buffer has the digest of its bytes", "[crypto]") {
  const testing::TempDir dir;
  for (const int64_t size : {int64_t{0}, limits::kMiB, 2 * limits::kMiB + 1}) {
    const std::string bytes(static_cast<size_t>(size), 'k');
    testing::WriteFile(dir.File("f"), bytes);
    CHECK(Sha256OfFile(dir.File("f")).value() == Sha256Of(bytes));
  }
  REQUIRE_STATUS(Sha256OfFile(dir.File("none")), StatusCode::kNotFound, "FILE_NOT_FOUND");
  CHECK_FALSE(Sha256OfFile(dir.path()).ok());
}

TEST_CASE("A digest has one spelling and an order", "[crypto]") {
  const Digest digest = Digest::FromHex(kAbc).value();
  CHECK(Digest::FromBytes(digest.bytes()).value() == digest);
  CHECK(Digest() < digest);
  CHECK(Digest::FromHex(kEmpty).value() > digest);
  std::string upper = kAbc;
  upper[0] = 'B';
  const std::string text = kAbc;
  for (const std::string& bad : {upper, text.substr(1), text.substr(2), text + "00", " " + text,
                                 text.substr(1) + "g", std::string()}) {
    REQUIRE_STATUS(Digest::FromHex(bad), StatusCode::kInvalidArgument, "DIGEST_INVALID");
  }
  for (const size_t size : {size_t{0}, size_t{31}, size_t{33}}) {
    REQUIRE_STATUS(Digest::FromBytes(std::string(size, 'x')), StatusCode::kInvalidArgument,
                   "DIGEST_INVALID");
  }
}

}  // namespace
}  // namespace kalavai
