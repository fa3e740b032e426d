// Elliptic-curve keys that sign: members' and the coordinator's P-256 keys, and whatever P-384 or
// P-521 key a site already has. Nothing else is accepted: the OMS registry knows no other key that
// its reference verifier takes.
//
//   ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Create());
//   RETURN_IF_ERROR(key.SaveToFile(workspace.KeyPath()));            // mode 0600, never overwrites
//   ASSIGN_OR_RETURN(const std::string signature, key.Sign(bytes));  // DER Ecdsa-Sig-Value
//   RETURN_IF_ERROR(key.public_key().Verify(bytes, signature));
//
// Digest by curve: P-256/SHA-256, P-384/SHA-384, P-521/SHA-512. ECDSA signatures are randomised
// and malleable ((r, n-s) verifies as well): never use a signature's bytes as an identity.
// Both classes are values that share one immutable key; any thread may call any const method.
#ifndef KALAVAI_COMMON_CRYPTO_SIGNING_KEY_H_
#define KALAVAI_COMMON_CRYPTO_SIGNING_KEY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace kalavai {

// A counted reference to an OpenSSL key; for this folder.
class KeyReference {
 public:
  KeyReference() = default;
  explicit KeyReference(evp_pkey_st* key) : key_(key) {}  // takes over the caller's reference
  KeyReference(const KeyReference& other);
  KeyReference(KeyReference&& other) noexcept;
  KeyReference& operator=(KeyReference other) noexcept;
  ~KeyReference();
  evp_pkey_st* get() const { return key_; }

 private:
  evp_pkey_st* key_ = nullptr;
};

class PublicKey {
 public:
  // Reads a SubjectPublicKeyInfo in PEM, in any of its forms. INVALID_ARGUMENT, each saying what
  // was found: KEY_INVALID (not one PEM block, damaged, text around it, a point off the curve),
  // KEY_KIND_REFUSED (another algorithm or curve), KEY_HALF_MISMATCH (a private key, a
  // certificate).
  static absl::StatusOr<PublicKey> FromPem(absl::string_view pem);
  // The same of a file: also FILE_NOT_FOUND, FILE_KIND_REFUSED, FILE_TOO_LARGE, IO_ERROR.
  static absl::StatusOr<PublicKey> LoadFromFile(const std::string& path);

  // Named curve, uncompressed point, 64 columns, final newline: byte-equal to what the Python
  // package writes, whatever form the key was read from.
  const std::string& Pem() const { return pem_; }

  // Lower-case hexadecimal SHA-256 of Pem(): how an OMS bundle names the key it needs
  // (unauthenticated: it selects, it never proves).
  std::string Hint() const;

  // OK, or PERMISSION_DENIED SIGNATURE_INVALID. A malformed signature is just as invalid.
  absl::Status Verify(absl::string_view bytes, absl::string_view signature) const;

  // "P-256", "P-384" or "P-521".
  absl::string_view Curve() const;

  bool operator==(const PublicKey& other) const { return pem_ == other.pem_; }

  // For this folder: takes a key in any form, sets the canonical one. KEY_INVALID as above.
  static absl::StatusOr<PublicKey> FromReference(KeyReference key);
  const KeyReference& reference() const { return key_; }

 private:
  PublicKey(KeyReference key, std::string pem);

  KeyReference key_;
  std::string pem_;
};

class SigningKey {
 public:
  // A fresh key from OpenSSL's random source on "P-256", "P-384" or "P-521"; KEY_KIND_REFUSED for
  // any other name.
  static absl::StatusOr<SigningKey> Create(absl::string_view curve = "P-256");

  // PKCS#8 ("PRIVATE KEY") or SEC1 ("EC PRIVATE KEY"). Errors as for PublicKey, KEY_ENCRYPTED for
  // a key under a passphrase, KEY_INVALID also when the private number is not of the public point.
  static absl::StatusOr<SigningKey> FromPem(absl::string_view pem);

  // Reads a key file: a regular file, not a link, that gives nothing to group and others. The
  // errors of FromPem; PERMISSION_DENIED KEY_FILE_MODE; FILE_KIND_REFUSED for links, directories,
  // devices; FILE_NOT_FOUND, FILE_TOO_LARGE, IO_ERROR.
  static absl::StatusOr<SigningKey> LoadFromFile(const std::string& path);

  // Writes PKCS#8 with mode 0600, durably and all or nothing. ALREADY_EXISTS KEY_EXISTS when the
  // path exists: a key is never overwritten.
  absl::Status SaveToFile(const std::string& path) const;

  // DER Ecdsa-Sig-Value over the curve's digest of `bytes`. INTERNAL INTERNAL.
  absl::StatusOr<std::string> Sign(absl::string_view bytes) const;

  const PublicKey& public_key() const { return public_key_; }

  // PKCS#8 PEM, for handing the key to the TLS library. Never log it, never send it.
  absl::StatusOr<std::string> PrivatePem() const;

  // For this folder.
  const KeyReference& reference() const { return public_key_.reference(); }

 private:
  explicit SigningKey(PublicKey key) : public_key_(std::move(key)) {}

  PublicKey public_key_;  // its reference holds the private number too
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_SIGNING_KEY_H_
