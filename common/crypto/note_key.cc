#include "common/crypto/note_key.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <openssl/pem.h>

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/crypto/key_pem.h"
#include "common/crypto/openssl.h"
#include "common/crypto/private_file.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

constexpr char kEd25519Type = 0x01;
constexpr size_t kNameBytesMax = 255;
constexpr size_t kKeyIdBytes = 4;

absl::Status NoteKeyInvalid(absl::string_view found) {
  static_cast<void>(openssl::TakeErrors());
  return MakeError(
      absl::StatusCode::kInvalidArgument, "NOTE_KEY_INVALID",
      {.what = absl::StrCat("verifier key: ", found,
                            "; must be NAME+KEY ID+base64 of 0x01 and an Ed25519 public key"),
       .why = "a tree head counts only when the log's own key signed it",
       .fix = "take the line that 'kalavai join' printed"});
}

// White space of Unicode beyond ASCII, as UTF-8.
constexpr const char* kSpaces[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80",
                                   "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
                                   "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
                                   "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9",
                                   "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

absl::Status CheckName(absl::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) {
    return NoteKeyInvalid(
        absl::StrCat("a name of ", name.size(), " bytes found, 1 to ", kNameBytesMax, " allowed"));
  }
  bool is_plain = CheckUtf8(name).ok();
  for (const char c : name) {
    is_plain = is_plain && static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '+';
  }
  for (const char* space : kSpaces) is_plain = is_plain && !absl::StrContains(name, space);
  if (is_plain) return absl::OkStatus();
  return NoteKeyInvalid(
      absl::StrCat("a name with a space, a control character, '+' or broken "
                   "UTF-8 found: '",
                   absl::CHexEscape(name), "'"));
}

uint32_t KeyId(absl::string_view name, absl::string_view public_key) {
  const Digest digest =
      Sha256Of(absl::StrCat(name, "\n", absl::string_view(&kEd25519Type, 1), public_key));
  uint32_t id = 0;
  for (const char c : digest.bytes().substr(0, kKeyIdBytes)) {
    id = id << 8 | static_cast<unsigned char>(c);
  }
  return id;
}

}  // namespace

NoteVerifier::NoteVerifier(std::string name, std::string public_key, KeyReference key)
    : name_(std::move(name)),
      public_key_(std::move(public_key)),
      key_id_(KeyId(name_, public_key_)),
      key_(std::move(key)) {}

absl::StatusOr<NoteVerifier> NoteVerifier::FromReference(absl::string_view name, KeyReference key) {
  RETURN_IF_ERROR(CheckName(name));
  std::string public_key(kPublicKeyBytes, '\0');
  size_t size = public_key.size();
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(public_key.data()),
                                  &size) != 1) {
    return NoteKeyInvalid("a key of another algorithm found");
  }
  return NoteVerifier(std::string(name), std::move(public_key), std::move(key));
}

absl::StatusOr<NoteVerifier> NoteVerifier::FromText(absl::string_view text) {
  // Base64 may hold '+', the other two parts may not.
  const size_t first = text.find('+');
  const size_t second = first == absl::string_view::npos ? first : text.find('+', first + 1);
  if (second == absl::string_view::npos || text.size() > 2 * kNameBytesMax) {
    return NoteKeyInvalid(absl::StrCat("'", absl::CHexEscape(text.substr(0, 80)), "' found"));
  }
  const absl::string_view name = text.substr(0, first);
  const absl::string_view id = text.substr(first + 1, second - first - 1);
  RETURN_IF_ERROR(CheckName(name));
  const absl::StatusOr<std::string> bytes = Base64Decode(text.substr(second + 1));
  if (!bytes.ok() || bytes->size() != 1 + kPublicKeyBytes || bytes->front() != kEd25519Type) {
    return NoteKeyInvalid("a public key of another kind, or damaged base64, found");
  }
  KeyReference key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(bytes->data()) + 1,
      kPublicKeyBytes));
  if (key.get() == nullptr) return NoteKeyInvalid("bytes that are no key found");
  NoteVerifier verifier(std::string(name), bytes->substr(1), std::move(key));
  const std::string wanted = absl::StrFormat("%08x", verifier.key_id());
  if (id != wanted) {
    return NoteKeyInvalid(
        absl::StrCat("key ID '", absl::CHexEscape(id), "' found, the key's is ", wanted));
  }
  return verifier;
}

std::string NoteVerifier::Text() const {
  return absl::StrFormat(
      "%s+%08x+%s", name_, key_id_,
      Base64Encode(absl::StrCat(absl::string_view(&kEd25519Type, 1), public_key_)));
}

bool NoteVerifier::Verify(absl::string_view text, absl::string_view signature) const {
  if (signature.size() != kSignatureBytes) return false;
  const openssl::MdContextPtr context(EVP_MD_CTX_new());
  const bool is_valid =
      context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size()) == 1;
  static_cast<void>(openssl::TakeErrors());
  return is_valid;
}

NoteSigner::NoteSigner(NoteVerifier verifier, KeyReference key)
    : verifier_(std::move(verifier)), key_(std::move(key)) {}

absl::StatusOr<NoteSigner> NoteSigner::Create(absl::string_view name) {
  KeyReference key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key.get() == nullptr) return openssl::CryptoError("create Ed25519 key");
  ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::FromReference(name, key));
  return NoteSigner(std::move(verifier), std::move(key));
}

absl::StatusOr<NoteSigner> NoteSigner::LoadFromFile(const std::string& path,
                                                    absl::string_view name) {
  ASSIGN_OR_RETURN(const Secret<std::string> pem, ReadPrivateFile(path, limits::kKeyFileBytesMax));
  absl::StatusOr<openssl::KeyPtr> raw =
      openssl::ReadKeyPem(pem.Reveal(), openssl::KeyHalf::kPrivate);
  if (!raw.ok()) return Annotate(raw.status(), path);
  KeyReference key(raw->release());
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return MakeError(absl::StatusCode::kInvalidArgument, "KEY_KIND_REFUSED",
                     {.what = absl::StrCat("key file ", path, ": must be an Ed25519 key"),
                      .why = "tree heads are signed in a format whose signatures are Ed25519",
                      .metadata = {{"path", path}}});
  }
  ASSIGN_OR_RETURN(NoteVerifier verifier, NoteVerifier::FromReference(name, key));
  return NoteSigner(std::move(verifier), std::move(key));
}

absl::Status NoteSigner::SaveToFile(const std::string& path) const {
  const openssl::BioPtr bio(BIO_new(BIO_s_secmem()));  // wiped when freed
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    return openssl::CryptoError("write private key");
  }
  const Secret<std::string> pem(openssl::BioText(bio.get()));
  const absl::Status status = CreateFileAtomically(path, pem.Reveal(), 0600);
  if (!absl::IsAlreadyExists(status)) return status;
  return MakeError(absl::StatusCode::kAlreadyExists, "KEY_EXISTS",
                   {.what = absl::StrCat("key file ", path, ": exists already"),
                    .why = "a log that changes its key is another log to everybody who kept a head",
                    .fix = "use the existing key, or move the file away",
                    .metadata = {{"path", path}}});
}

absl::StatusOr<std::string> NoteSigner::Sign(absl::string_view text) const {
  const openssl::MdContextPtr context(EVP_MD_CTX_new());
  std::string signature(NoteVerifier::kSignatureBytes, '\0');
  size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
    return openssl::CryptoError("sign note");
  }
  return signature;
}

}  // namespace kalavai
