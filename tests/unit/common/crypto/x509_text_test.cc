// Goal: times and names of certificates are read and written in one form.
// Method: times with a known value and one that is none; names at the edges of their length; a
// digest for each curve.
#include "common/crypto/x509_text.h"

#include <memory>
#include <string>

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using TimePtr = std::unique_ptr<ASN1_TIME, openssl::Deleter<&ASN1_TIME_free>>;
using NamePtr = std::unique_ptr<X509_NAME, openssl::Deleter<&X509_NAME_free>>;

TEST_CASE("A certificate's time is read in UTC", "[crypto]") {
  const TimePtr time(ASN1_TIME_new());
  for (const auto& [text, seconds] :
       {std::pair<const char*, int64_t>{"20260101000000Z", 1767225600}, {"700101000001Z", 1}}) {
    REQUIRE(ASN1_TIME_set_string(time.get(), text) == 1);
    CHECK(openssl::ReadTime(time.get()).value() == absl::FromUnixSeconds(seconds));
  }
  REQUIRE(ASN1_STRING_set(time.get(), "nonsense", 8) == 1);
  REQUIRE_STATUS(openssl::ReadTime(time.get()), StatusCode::kInvalidArgument,
                 "CERTIFICATE_INVALID");
  REQUIRE_STATUS(openssl::ReadTime(nullptr), StatusCode::kInvalidArgument, "CERTIFICATE_INVALID");
}

TEST_CASE("A common name is 1 to 64 printable characters", "[crypto]") {
  for (const std::string& good :
       {std::string("a"), std::string(64, 'a'), std::string("St. Mary")}) {
    const NamePtr name(X509_NAME_new());
    REQUIRE_OK(openssl::SetCommonName(name.get(), good));
    CHECK(X509_NAME_entry_count(name.get()) == 1);
  }
  for (const std::string& bad : {std::string(), std::string(65, 'a'), std::string("a\n")}) {
    const NamePtr name(X509_NAME_new());
    REQUIRE_STATUS(openssl::SetCommonName(name.get(), bad), StatusCode::kInvalidArgument,
                   "NAME_INVALID");
    CHECK(X509_NAME_entry_count(name.get()) == 0);
  }
}

TEST_CASE("Each curve signs certificates with its own digest", "[crypto]") {
  for (const auto& [curve, digest] : {std::pair<const char*, const EVP_MD*>{"P-256", EVP_sha256()},
                                      {"P-384", EVP_sha384()},
                                      {"P-521", EVP_sha512()}}) {
    REQUIRE_OK_AND_ASSIGN(const PublicKey key,
                          PublicKey::FromReference(KeyReference(EVP_EC_gen(curve))));
    CHECK(openssl::DigestFor(key) == digest);
  }
}

}  // namespace
}  // namespace kalavai
