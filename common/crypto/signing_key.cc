#include "common/crypto/signing_key.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/key_pem.h"
#include "common/crypto/openssl.h"
#include "common/crypto/private_file.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

struct CurveRow {
  const char* group;  // OpenSSL's name
  const char* name;   // ours
  const EVP_MD* (*digest)();
};
constexpr std::array<CurveRow, 3> kCurves = {{{"prime256v1", "P-256", &EVP_sha256},
                                              {"secp384r1", "P-384", &EVP_sha384},
                                              {"secp521r1", "P-521", &EVP_sha512}}};

const CurveRow* FindCurve(const EVP_PKEY* key) {
  std::array<char, 64> group = {};
  size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) return nullptr;
  for (const CurveRow& row : kCurves) {
    if (absl::string_view(group.data(), size) == row.group) return &row;
  }
  return nullptr;
}

// "EC on secp256k1", "RSA", …: what a refusal calls a key.
std::string KindOf(const EVP_PKEY* key) {
  const char* const type = EVP_PKEY_get0_type_name(key);
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return type != nullptr ? type : "an unknown kind";
  std::array<char, 64> group = {};
  size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) {
    return "EC on a curve without a name";
  }
  return absl::StrCat("EC on ", absl::string_view(group.data(), size));
}

}  // namespace

KeyReference::KeyReference(const KeyReference& other) : key_(other.key_) {
  if (key_ != nullptr) EVP_PKEY_up_ref(key_);
}
KeyReference::KeyReference(KeyReference&& other) noexcept
    : key_(std::exchange(other.key_, nullptr)) {}
KeyReference& KeyReference::operator=(KeyReference other) noexcept {
  std::swap(key_, other.key_);
  return *this;
}
KeyReference::~KeyReference() { EVP_PKEY_free(key_); }

PublicKey::PublicKey(KeyReference key, std::string pem)
    : key_(std::move(key)), pem_(std::move(pem)) {}

absl::StatusOr<PublicKey> PublicKey::FromReference(KeyReference key) {
  EVP_PKEY* const raw = key.get();
  if (EVP_PKEY_get_base_id(raw) != EVP_PKEY_EC || FindCurve(raw) == nullptr) {
    return openssl::KeyKindRefused(KindOf(raw));
  }
  const openssl::KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, raw, nullptr));
  if (context == nullptr || EVP_PKEY_public_check(context.get()) != 1) {
    return openssl::KeyInvalid("a point off its curve found", "must be on it");
  }
  // Without these two the PEM, and so the hint, keeps the form the key was read in.
  if (EVP_PKEY_set_utf8_string_param(raw, OSSL_PKEY_PARAM_EC_ENCODING, "named_curve") != 1 ||
      EVP_PKEY_set_utf8_string_param(raw, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                     "uncompressed") != 1) {
    return openssl::CryptoError("set the key's form");
  }
  const openssl::BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_PUBKEY(bio.get(), raw) != 1) {
    return openssl::CryptoError("write public key");
  }
  return PublicKey(std::move(key), openssl::BioText(bio.get()));
}

absl::StatusOr<PublicKey> PublicKey::FromPem(absl::string_view pem) {
  ASSIGN_OR_RETURN(openssl::KeyPtr key, openssl::ReadKeyPem(pem, openssl::KeyHalf::kPublic));
  return FromReference(KeyReference(key.release()));
}

absl::StatusOr<PublicKey> PublicKey::LoadFromFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string pem, ReadFileBounded(path, limits::kKeyFileBytesMax));
  auto key = FromPem(pem);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

std::string PublicKey::Hint() const { return Sha256Of(pem_).Hex(); }

absl::string_view PublicKey::Curve() const { return FindCurve(key_.get())->name; }

absl::Status PublicKey::Verify(absl::string_view bytes, absl::string_view signature) const {
  const openssl::MdContextPtr context(EVP_MD_CTX_new());
  const EVP_MD* const digest = FindCurve(key_.get())->digest();
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) != 1) {
    return openssl::CryptoError("start verification");
  }
  // 0 is a bad signature, less a malformed one: both are refused alike.
  const int result = EVP_DigestVerify(
      context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
      reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  if (result == 1) return absl::OkStatus();
  static_cast<void>(openssl::TakeErrors());
  return MakeError(absl::StatusCode::kPermissionDenied, "SIGNATURE_INVALID",
                   {.what = "signature: must be this key's signature over these bytes",
                    .why = "the bytes were changed after signing, or signed with another key",
                    .fix = "sign again with the enrolled key",
                    .metadata = {{"key_hint", Hint()}}});
}

absl::StatusOr<SigningKey> SigningKey::Create(absl::string_view curve) {
  for (const CurveRow& row : kCurves) {
    if (curve != row.name) continue;
    KeyReference key(EVP_EC_gen(row.name));
    if (key.get() == nullptr) return openssl::CryptoError("create key");
    ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromReference(std::move(key)));
    return SigningKey(std::move(public_key));
  }
  return openssl::KeyKindRefused(absl::StrCat("curve '", absl::CHexEscape(curve), "'"));
}

absl::StatusOr<SigningKey> SigningKey::FromPem(absl::string_view pem) {
  ASSIGN_OR_RETURN(openssl::KeyPtr raw, openssl::ReadKeyPem(pem, openssl::KeyHalf::kPrivate));
  KeyReference key(raw.release());
  ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromReference(key));
  const openssl::KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (context == nullptr || EVP_PKEY_pairwise_check(context.get()) != 1) {
    return openssl::KeyInvalid("a private number of another public point found",
                               "must belong together");
  }
  return SigningKey(std::move(public_key));
}

absl::StatusOr<SigningKey> SigningKey::LoadFromFile(const std::string& path) {
  ASSIGN_OR_RETURN(const Secret<std::string> pem, ReadPrivateFile(path, limits::kKeyFileBytesMax));
  auto key = FromPem(pem.Reveal());
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

absl::StatusOr<std::string> SigningKey::PrivatePem() const {
  const openssl::BioPtr bio(BIO_new(BIO_s_secmem()));  // wiped when freed
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), reference().get(), nullptr,
                                                      nullptr, 0, nullptr, nullptr) != 1) {
    return openssl::CryptoError("write private key");
  }
  return openssl::BioText(bio.get());
}

absl::Status SigningKey::SaveToFile(const std::string& path) const {
  ASSIGN_OR_RETURN(std::string text, PrivatePem());
  const Secret<std::string> pem(std::move(text));
  const absl::Status status = CreateFileAtomically(path, pem.Reveal(), 0600);
  if (!absl::IsAlreadyExists(status)) return status;
  return MakeError(absl::StatusCode::kAlreadyExists, "KEY_EXISTS",
                   {.what = absl::StrCat("key file ", path, ": exists already"),
                    .why = "a key is never overwritten: what it signed could not be continued",
                    .fix = "use the existing key, or move the file away",
                    .metadata = {{"path", path}}});
}

absl::StatusOr<std::string> SigningKey::Sign(absl::string_view bytes) const {
  EVP_PKEY* const key = reference().get();
  const openssl::MdContextPtr context(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, FindCurve(key)->digest(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, bytes.size()) != 1) {
    return openssl::CryptoError("start signing");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                     bytes.size()) != 1) {
    return openssl::CryptoError("sign");
  }
  signature.resize(size);
  return signature;
}

}  // namespace kalavai
