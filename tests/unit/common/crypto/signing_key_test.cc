// Goal: only the three curves sign, whatever form a key comes in; keys on disk are private and
// never overwritten.
// Method: keys are made by OpenSSL in each form; every bit of a signature is flipped; the published
// hint of the example key is compared.
#include "common/crypto/signing_key.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

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

TEST_CASE("Compressed points and explicit parameters give the same hint", "[crypto]") {
  const openssl::KeyPtr raw = NewKey("P-256");
  const std::string plain = PublicKey::FromPem(Write(raw.get(), Form::kPublic)).value().Hint();
  REQUIRE(EVP_PKEY_set_utf8_string_param(raw.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                         "compressed") == 1);
  const std::string compressed = Write(raw.get(), Form::kPublic);
  CHECK(PublicKey::FromPem(compressed).value().Hint() == plain);
  CHECK(PublicKey::FromPem(compressed).value().Pem() != compressed);
  REQUIRE(EVP_PKEY_set_utf8_string_param(raw.get(), OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1);
  const std::string text = Write(raw.get(), Form::kPkcs8);
  const auto explicit_key = SigningKey::FromPem(text);
  REQUIRE_OK(explicit_key);
  CHECK(explicit_key->public_key().Hint() == plain);
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

TEST_CASE("Other keys, and text that is no key, are refused", "[crypto]") {
  const openssl::KeyPtr ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const openssl::KeyPtr rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048}));
  const openssl::KeyPtr koblitz = NewKey("secp256k1");
  for (EVP_PKEY* key : {ed25519.get(), rsa.get(), koblitz.get()}) {
    REQUIRE_STATUS(PublicKey::FromPem(Write(key, Form::kPublic)), StatusCode::kInvalidArgument,
                   "KEY_INVALID");
    REQUIRE_STATUS(SigningKey::FromPem(Write(key, Form::kPkcs8)), StatusCode::kInvalidArgument,
                   "KEY_INVALID");
  }
  const std::string pem = kExamplePem;
  std::string broken = pem;
  broken[60] = broken[60] == 'A' ? 'B' : 'A';
  for (const std::string& bad :
       {std::string(), std::string("key"), pem + pem, pem.substr(0, 100), broken,
        std::string(1 << 20, '-'), Write(koblitz.get(), Form::kPkcs8)}) {
    REQUIRE_STATUS(PublicKey::FromPem(bad), StatusCode::kInvalidArgument, "KEY_INVALID");
    REQUIRE_STATUS(SigningKey::FromPem(bad), StatusCode::kInvalidArgument, "KEY_INVALID");
  }
}

TEST_CASE("An encrypted key is refused without asking for its password", "[crypto]") {
  const openssl::KeyPtr raw = NewKey("P-256");
  const openssl::BioPtr bio(BIO_new(BIO_s_mem()));
  std::string password = "secret";
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio.get(), raw.get(), EVP_aes_256_cbc(), password.data(),
                                        static_cast<int>(password.size()), nullptr, nullptr) == 1);
  REQUIRE_STATUS(SigningKey::FromPem(openssl::BioText(bio.get())), StatusCode::kInvalidArgument,
                 "KEY_INVALID");
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
  for (const mode_t mode : {0640U, 0604U, 0620U, 0610U, 0601U, 0666U}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    REQUIRE_STATUS(SigningKey::LoadFromFile(path), StatusCode::kPermissionDenied, "KEY_FILE_MODE");
  }
  REQUIRE(chmod(path.c_str(), 0400) == 0);
  REQUIRE_OK(SigningKey::LoadFromFile(path));
  REQUIRE_STATUS(SigningKey::LoadFromFile(dir.File("none")), StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  testing::WriteFile(dir.File("bad"), "no key");
  REQUIRE(chmod(dir.File("bad").c_str(), 0600) == 0);
  REQUIRE_STATUS(SigningKey::LoadFromFile(dir.File("bad")), StatusCode::kInvalidArgument,
                 "KEY_INVALID");
}

}  // namespace
}  // namespace kalavai
