// Goal: only the three curves sign, whatever form a key comes in; keys on disk are private and
// never overwritten.
// Method: keys are made by OpenSSL in each form; every bit of a signature is flipped; the published
// hint of the example key is compared.
#include "common/crypto/signing_key.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "common/base/errors.h"
#include "common/crypto/openssl.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using testing::TempDir;

// The example key of the signing study; its hint is sha256sum of this text.
constexpr char kExamplePem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErai/30lRBRemPPwGKCKLl70jsmRg\n"
    "E0PhFfkbSpZjrMgiQqzYPtShFZXdB2Sh6qT26HFTbsJUekQJhLwvf7xFFw==\n"
    "-----END PUBLIC KEY-----\n";
constexpr char kExampleHint[] = "1808c9c894735a5f69b71dd19bc6206fd377e97178037b6ee0b774cd9e61ac70";

enum class Form { kPkcs8, kSec1, kPublic };

std::string Write(EVP_PKEY* key, Form form) {
  const openssl::BioPtr bio(BIO_new(BIO_s_mem()));
  int written = 0;
  if (form == Form::kPublic) {
    written = PEM_write_bio_PUBKEY(bio.get(), key);
  } else if (form == Form::kSec1) {
    written =
        PEM_write_bio_PrivateKey_traditional(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  } else {
    written = PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  }
  REQUIRE(written == 1);
  return openssl::BioText(bio.get());
}

openssl::KeyPtr NewKey(const char* curve) {
  openssl::KeyPtr key(EVP_EC_gen(curve));
  REQUIRE(key != nullptr);
  return key;
}

TEST_CASE("The example key has the hint that the Python package computes", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const PublicKey key, PublicKey::FromPem(kExamplePem));
  CHECK(key.Pem() == kExamplePem);
  CHECK(key.Hint() == kExampleHint);
  CHECK(key.Curve() == "P-256");
}

TEST_CASE("Each curve signs and verifies, in each form of key file", "[crypto]") {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    const openssl::KeyPtr raw = NewKey(curve);
    for (const Form form : {Form::kPkcs8, Form::kSec1}) {
      INFO(curve);
      REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::FromPem(Write(raw.get(), form)));
      CHECK(key.public_key().Curve() == curve);
      REQUIRE_OK_AND_ASSIGN(const std::string signature, key.Sign("text"));
      REQUIRE_OK(key.public_key().Verify("text", signature));
      REQUIRE_STATUS(key.public_key().Verify("texT", signature), StatusCode::kPermissionDenied,
                     "SIGNATURE_INVALID");
      REQUIRE_OK_AND_ASSIGN(const PublicKey read, PublicKey::FromPem(key.public_key().Pem()));
      REQUIRE_OK(read.Verify("text", signature));
      REQUIRE_OK_AND_ASSIGN(const std::string pem, key.PrivatePem());
      CHECK(absl::StartsWith(pem, "-----BEGIN PRIVATE KEY-----\n"));
    }
  }
}

TEST_CASE("Every encoding of a key on every curve gives one canonical PEM and hint", "[crypto]") {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    const openssl::KeyPtr raw = NewKey(curve);
    const std::string plain = PublicKey::FromPem(Write(raw.get(), Form::kPublic)).value().Pem();
    for (const char* encoding : {"named_curve", "explicit"}) {
      for (const char* point : {"uncompressed", "compressed", "hybrid"}) {
        INFO(curve << ", " << encoding << ", " << point);
        REQUIRE(EVP_PKEY_set_utf8_string_param(raw.get(), OSSL_PKEY_PARAM_EC_ENCODING, encoding) ==
                1);
        REQUIRE(EVP_PKEY_set_utf8_string_param(
                    raw.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, point) == 1);
        REQUIRE_OK_AND_ASSIGN(const PublicKey read,
                              PublicKey::FromPem(Write(raw.get(), Form::kPublic)));
        CHECK(read.Pem() == plain);
        for (const Form form : {Form::kPkcs8, Form::kSec1}) {
          REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::FromPem(Write(raw.get(), form)));
          CHECK(key.public_key().Pem() == plain);
          CHECK(key.public_key().Hint() == Sha256Of(plain).Hex());
          REQUIRE_OK_AND_ASSIGN(const std::string pem, key.PrivatePem());
          REQUIRE_OK_AND_ASSIGN(const SigningKey again, SigningKey::FromPem(pem));
          CHECK(again.public_key().Pem() == plain);
        }
      }
    }
  }
}

TEST_CASE("A key is created on each allowed curve, and on no other", "[crypto]") {
  CHECK(SigningKey::Create().value().public_key().Curve() == "P-256");
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    CHECK(SigningKey::Create(curve).value().public_key().Curve() == curve);
  }
  for (const char* curve : {"", "p-256", "P-224", "secp256k1", "Ed25519", "P-256 ", "prime256v1"}) {
    REQUIRE_STATUS(SigningKey::Create(curve), StatusCode::kInvalidArgument, "KEY_KIND_REFUSED");
  }
}

// Explicit parameters that are P-256's but for the generator: whoever chose it knows a private key
// for any public point (CVE-2020-0601).
TEST_CASE("Explicit parameters with another generator are no allowed curve", "[crypto]") {
  const openssl::KeyPtr raw = NewKey("P-256");
  REQUIRE(EVP_PKEY_set_utf8_string_param(raw.get(), OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1);
  const openssl::BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(i2d_PUBKEY_bio(bio.get(), raw.get()) == 1);
  std::string der = openssl::BioText(bio.get());
  // The generator is the first uncompressed point of the structure, the public key the last.
  const std::string generator =
      absl::HexStringToBytes("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
  const size_t at = der.find(generator);
  REQUIRE(at != std::string::npos);
  der.replace(at, 65, der.substr(der.size() - 65));
  const openssl::BioPtr out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio(out.get(), "PUBLIC KEY", "",
                        reinterpret_cast<const unsigned char*>(der.data()),
                        static_cast<long>(der.size())) > 0);
  const auto refused = PublicKey::FromPem(openssl::BioText(out.get()));
  REQUIRE_FALSE(refused.ok());
  CHECK(absl::StartsWith(GetErrorReason(refused.status()), "KEY_"));
}

TEST_CASE("Every flipped bit of a signature is refused", "[crypto]") {
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string signature, key.Sign("text"));
  for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
    std::string flipped = signature;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE_STATUS(key.public_key().Verify("text", flipped), StatusCode::kPermissionDenied,
                   "SIGNATURE_INVALID");
  }
  for (const std::string& bad : {std::string(), signature.substr(1), signature + '\0',
                                 signature.substr(0, signature.size() - 1)}) {
    REQUIRE_STATUS(key.public_key().Verify("text", bad), StatusCode::kPermissionDenied,
                   "SIGNATURE_INVALID");
  }
  REQUIRE_OK_AND_ASSIGN(const SigningKey other, SigningKey::Create());
  REQUIRE_STATUS(other.public_key().Verify("text", signature), StatusCode::kPermissionDenied,
                 "SIGNATURE_INVALID");
  CHECK_FALSE(other.public_key() == key.public_key());
}

TEST_CASE("Keys of other kinds are refused by name", "[crypto]") {
  const openssl::KeyPtr ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const openssl::KeyPtr rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048}));
  const openssl::KeyPtr koblitz = NewKey("secp256k1");
  const openssl::KeyPtr small = NewKey("P-224");
  const struct {
    EVP_PKEY* key;
    const char* found;
  } kinds[] = {{ed25519.get(), "ED25519 found"},
               {rsa.get(), "RSA found"},
               {koblitz.get(), "EC on secp256k1 found"},
               {small.get(), "EC on secp224r1 found"}};
  for (const auto& kind : kinds) {
    INFO(kind.found);
    const auto as_public = PublicKey::FromPem(Write(kind.key, Form::kPublic));
    REQUIRE_STATUS(as_public, StatusCode::kInvalidArgument, "KEY_KIND_REFUSED");
    CHECK(absl::StrContains(as_public.status().message(), kind.found));
    CHECK(absl::StrContains(as_public.status().message(), "must be EC on P-256, P-384 or P-521"));
    const auto as_private = SigningKey::FromPem(Write(kind.key, Form::kPkcs8));
    REQUIRE_STATUS(as_private, StatusCode::kInvalidArgument, "KEY_KIND_REFUSED");
    CHECK(absl::StrContains(as_private.status().message(), kind.found));
  }
}

TEST_CASE("A key file is private, durable and never overwritten", "[crypto]") {
  const TempDir dir;
  const std::string path = dir.File("key.pem");
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK(key.SaveToFile(path));
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  REQUIRE_OK_AND_ASSIGN(const SigningKey read, SigningKey::LoadFromFile(path));
  CHECK(read.public_key() == key.public_key());
  const std::string before = testing::ReadFile(path);
  REQUIRE_STATUS(key.SaveToFile(path), StatusCode::kAlreadyExists, "KEY_EXISTS");
  CHECK(testing::ReadFile(path) == before);
  REQUIRE_STATUS(key.SaveToFile(dir.File("no/key.pem")), StatusCode::kNotFound, "FILE_NOT_FOUND");
  testing::WriteFile(dir.File("bad"), "no key");
  REQUIRE(chmod(dir.File("bad").c_str(), 0600) == 0);
  const auto bad = SigningKey::LoadFromFile(dir.File("bad"));
  REQUIRE_STATUS(bad, StatusCode::kInvalidArgument, "KEY_INVALID");
  CHECK(absl::StrContains(bad.status().message(), dir.File("bad")));
  CHECK_FALSE(absl::StrContains(bad.status().message(), "no key;"));
  testing::WriteFile(dir.File("public.pem"), key.public_key().Pem());
  CHECK(PublicKey::LoadFromFile(dir.File("public.pem")).value() == key.public_key());
  REQUIRE_STATUS(PublicKey::LoadFromFile(path), StatusCode::kInvalidArgument, "KEY_HALF_MISMATCH");
  REQUIRE_STATUS(PublicKey::LoadFromFile(dir.File("none")), StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai
