// Ed25519 keys that sign notes (c2sp.org/signed-note, signature type 0x01): the log's key, apart
// from every P-256 key, because tree heads are what tools of other logs (witnesses, monitors) read.
//
//   ASSIGN_OR_RETURN(const NoteSigner signer, NoteSigner::Create("coordinator.example/log"));
//   ASSIGN_OR_RETURN(const NoteVerifier verifier,
//   NoteVerifier::FromText(signer.verifier().Text()));
//
//   key ID  = SHA-256(name || 0x0A || 0x01 || public key)[:4], big-endian
//   text    = name+hex(key ID)+base64(0x01 || public key)            ("verifier key", vkey)
//
// A key's name is no secret and no proof: it selects. Names are non-empty UTF-8 without spaces,
// control characters and '+', at most 255 bytes. Values; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_NOTE_KEY_H_
#define KALAVAI_COMMON_CRYPTO_NOTE_KEY_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/signing_key.h"

namespace kalavai {

class NoteVerifier {
 public:
  static constexpr int kPublicKeyBytes = 32;
  static constexpr int kSignatureBytes = 64;

  // INVALID_ARGUMENT NOTE_KEY_INVALID: not three parts, a name that cannot be, a key ID that is not
  // the key's, another algorithm, bytes that are no key.
  static absl::StatusOr<NoteVerifier> FromText(absl::string_view text);

  const std::string& name() const { return name_; }
  uint32_t key_id() const { return key_id_; }
  std::string Text() const;

  // Whether `signature` (64 bytes) is this key's over `text`.
  bool Verify(absl::string_view text, absl::string_view signature) const;

  bool operator==(const NoteVerifier& other) const { return Text() == other.Text(); }

  // For this folder: the public half of an Ed25519 key. NOTE_KEY_INVALID as above.
  static absl::StatusOr<NoteVerifier> FromReference(absl::string_view name, KeyReference key);

 private:
  NoteVerifier(std::string name, std::string public_key, KeyReference key);

  std::string name_;
  std::string public_key_;  // 32 bytes, RFC 8032
  uint32_t key_id_ = 0;
  KeyReference key_;
};

class NoteSigner {
 public:
  // A fresh key. NOTE_KEY_INVALID for a name that cannot be.
  static absl::StatusOr<NoteSigner> Create(absl::string_view name);

  // PKCS#8 PEM of an Ed25519 key from a private file: errors of ReadPrivateFile and ReadKeyPem;
  // KEY_KIND_REFUSED for another algorithm.
  static absl::StatusOr<NoteSigner> LoadFromFile(const std::string& path, absl::string_view name);

  // Mode 0600, durably and all or nothing. ALREADY_EXISTS KEY_EXISTS: never overwritten.
  absl::Status SaveToFile(const std::string& path) const;

  const NoteVerifier& verifier() const { return verifier_; }
  // 64 bytes over `text`; Ed25519 signatures of one text are equal.
  absl::StatusOr<std::string> Sign(absl::string_view text) const;

 private:
  NoteSigner(NoteVerifier verifier, KeyReference key);

  NoteVerifier verifier_;
  KeyReference key_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_NOTE_KEY_H_
