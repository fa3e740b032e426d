// Goal: OpenSSL's errors become one status and never leak into the next one.
// Method: errors are provoked by parsing text that is no PEM.
#include "common/crypto/openssl.h"

#include <string>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

void Provoke() {
  const openssl::BioPtr bio = openssl::ReadOnlyBio("no PEM");
  REQUIRE(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) == nullptr);
}

TEST_CASE("Taking the errors empties the queue", "[crypto]") {
  CHECK(openssl::TakeErrors().empty());
  Provoke();
  CHECK_FALSE(openssl::TakeErrors().empty());
  CHECK(openssl::TakeErrors().empty());
}

TEST_CASE("A failure of OpenSSL names the operation and its reasons", "[crypto]") {
  Provoke();
  const absl::Status status = openssl::CryptoError("read certificate");
  REQUIRE_STATUS(status, absl::StatusCode::kInternal, "INTERNAL");
  CHECK(std::string(status.message()).find("read certificate: ") == 0);
  CHECK(status.message().size() > std::string("read certificate: ").size());
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("Bytes go through a BIO unchanged", "[crypto]") {
  const openssl::BioPtr bio(BIO_new(BIO_s_mem()));
  CHECK(openssl::BioText(bio.get()).empty());
  const std::string bytes("a\0b", 3);
  REQUIRE(BIO_write(bio.get(), bytes.data(), 3) == 3);
  CHECK(openssl::BioText(bio.get()) == bytes);
  CHECK(openssl::BioText(openssl::ReadOnlyBio(bytes).get()) == bytes);
  CHECK(openssl::BioText(openssl::ReadOnlyBio("").get()).empty());
}

}  // namespace
}  // namespace kalavai
