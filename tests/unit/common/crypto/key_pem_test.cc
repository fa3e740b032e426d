// Goal: a key's text has one reading, and every other text gets a refusal that says what was found.
// Method: one valid key of each form, and a table of what people name by mistake or by malice.
#include "common/crypto/key_pem.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai::openssl {
namespace {

struct Texts {
  std::string pkcs8, sec1, pub, encrypted, encrypted_sec1;
};

Texts MakeTexts() {
  const KeyPtr key(EVP_EC_gen("P-256"));
  REQUIRE(key != nullptr);
  std::string word = "secret";
  auto* const password = reinterpret_cast<unsigned char*>(word.data());
  const auto write = [&](const auto& writer) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    REQUIRE(writer(bio.get()) == 1);
    return BioText(bio.get());
  };
  return {
      .pkcs8 = write([&](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
      }),
      .sec1 = write([&](BIO* bio) {
        return PEM_write_bio_PrivateKey_traditional(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                                    nullptr);
      }),
      .pub = write([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key.get()); }),
      .encrypted = write([&](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_256_cbc(), word.data(),
                                             static_cast<int>(word.size()), nullptr, nullptr);
      }),
      .encrypted_sec1 = write([&](BIO* bio) {
        return PEM_write_bio_PrivateKey_traditional(bio, key.get(), EVP_aes_256_cbc(), password,
                                                    static_cast<int>(word.size()), nullptr,
                                                    nullptr);
      }),
  };
}

// `pem` with `extra` bytes after the structure that its base64 holds.
std::string WithBytesInside(const std::string& pem, const std::string& extra) {
  const BioPtr in = ReadOnlyBio(pem);
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  REQUIRE(PEM_read_bio(in.get(), &name, &header, &data, &size) == 1);
  std::string der(reinterpret_cast<char*>(data), static_cast<size_t>(size));
  der += extra;
  const BioPtr out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio(out.get(), name, "", reinterpret_cast<unsigned char*>(der.data()),
                        static_cast<long>(der.size())) > 0);
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return BioText(out.get());
}

TEST_CASE("Keys are read in every allowed form", "[crypto]") {
  const Texts texts = MakeTexts();
  const std::string parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  for (const std::string& text : {texts.pkcs8, texts.sec1, absl::StrCat(parameters, texts.sec1),
                                  absl::StrCat("\n  ", texts.pkcs8, "\n\n"),
                                  absl::StrReplaceAll(texts.pkcs8, {{"\n", "\r\n"}}),
                                  texts.pkcs8.substr(0, texts.pkcs8.size() - 1)}) {
    INFO(text.substr(0, 40));
    REQUIRE_OK(ReadKeyPem(text, KeyHalf::kPrivate));
  }
  REQUIRE_OK(ReadKeyPem(texts.pub, KeyHalf::kPublic));
}

TEST_CASE("Everything else is refused by what it is", "[crypto]") {
  const Texts t = MakeTexts();
  std::string damaged = t.pkcs8;
  damaged[40] = '!';
  const std::string certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const std::string ssh =
      "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
  const std::string rsa = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
  const std::string dh = "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n";
  const auto priv = KeyHalf::kPrivate;
  const auto pub = KeyHalf::kPublic;
  const struct {
    std::string text;
    KeyHalf half;
    const char* reason;
    const char* found;
  } cases[] = {
      {"", priv, "KEY_INVALID", "nothing found"},
      {" \n\t\r\n", priv, "KEY_INVALID", "nothing found"},
      {"", pub, "KEY_INVALID", "nothing found"},
      {"key", priv, "KEY_INVALID", "no PEM block found"},
      {"\x30\x82", priv, "KEY_INVALID", "binary (DER) found"},
      {std::string(1, '\0'), pub, "KEY_INVALID", "no PEM block found"},
      {t.pkcs8 + t.pkcs8, priv, "KEY_INVALID", "several PEM blocks found"},
      {t.pkcs8 + t.pub, priv, "KEY_INVALID", "several PEM blocks found"},
      {t.pub + t.pub, pub, "KEY_INVALID", "several PEM blocks found"},
      {t.pkcs8 + "junk", priv, "KEY_INVALID", "text after the PEM block found"},
      {t.pkcs8 + std::string(1, '\0'), priv, "KEY_INVALID", "text after the PEM block found"},
      {t.pub + "junk\n", pub, "KEY_INVALID", "text after the PEM block found"},
      {"junk\n" + t.pkcs8, priv, "KEY_INVALID", "text before the PEM block found"},
      {WithBytesInside(t.pkcs8, "x"), priv, "KEY_INVALID", "goes on after it"},
      {WithBytesInside(t.sec1, std::string(1, '\0')), priv, "KEY_INVALID", "goes on after it"},
      {WithBytesInside(t.pub, "x"), pub, "KEY_INVALID", "goes on after it"},
      {t.pkcs8.substr(0, 100), priv, "KEY_INVALID", "without its END line"},
      {damaged, priv, "KEY_INVALID", "damaged base64"},
      {"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", priv, "KEY_INVALID", "found"},
      {"-----BEGIN PRIVATE KEY", priv, "KEY_INVALID", "damaged BEGIN line"},
      {"-----BEGIN \x1b[2J-----\nAAAA\n", priv, "KEY_INVALID", "damaged BEGIN line"},
      {dh, priv, "KEY_INVALID", "'DH PARAMETERS' found"},
      {std::string(100'000, '-'), priv, "KEY_INVALID", "100000 bytes found"},
      {absl::StrReplaceAll(t.sec1, {{"EC PRIVATE", "PRIVATE"}}), priv, "KEY_INVALID",
       "no such key"},
      {absl::StrReplaceAll(t.pkcs8, {{"KEY-----\nM", "KEY-----\nComment: x\n\nM"}}), priv,
       "KEY_INVALID", "header lines"},
      {t.encrypted, priv, "KEY_ENCRYPTED", "under a passphrase found"},
      {t.encrypted_sec1, priv, "KEY_ENCRYPTED", "under a passphrase found"},
      {t.encrypted, pub, "KEY_HALF_MISMATCH", "'ENCRYPTED PRIVATE KEY' found"},
      {t.pub, priv, "KEY_HALF_MISMATCH", "'PUBLIC KEY' found"},
      {t.pkcs8, pub, "KEY_HALF_MISMATCH", "'PRIVATE KEY' found"},
      {t.sec1, pub, "KEY_HALF_MISMATCH", "'EC PRIVATE KEY' found"},
      {certificate, priv, "KEY_HALF_MISMATCH", "'CERTIFICATE' found"},
      {certificate, pub, "KEY_HALF_MISMATCH", "'CERTIFICATE' found"},
      {ssh, priv, "KEY_KIND_REFUSED", "OPENSSH found"},
      {rsa, priv, "KEY_KIND_REFUSED", "RSA found"},
  };
  for (const auto& c : cases) {
    INFO(c.reason << ": " << c.found);
    const auto read = ReadKeyPem(c.text, c.half);
    REQUIRE_STATUS(read, absl::StatusCode::kInvalidArgument, c.reason);
    INFO(read.status().message());
    CHECK(absl::StrContains(read.status().message(), c.found));
    const auto detail = GetErrorDetail(read.status());
    REQUIRE(detail.has_value());
    CHECK(!detail->text.fix.empty());
  }
}

TEST_CASE("A refusal never repeats the key's own text", "[crypto]") {
  const Texts texts = MakeTexts();
  const std::string body = texts.pkcs8.substr(40, 40);
  for (const std::string& text :
       {texts.pkcs8 + "x", "x" + texts.pkcs8, texts.pkcs8.substr(0, 120)}) {
    const auto read = ReadKeyPem(text, KeyHalf::kPrivate);
    REQUIRE_FALSE(read.ok());
    CHECK_FALSE(absl::StrContains(read.status().message(), body));
  }
}

}  // namespace
}  // namespace kalavai::openssl
