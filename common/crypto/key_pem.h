// PEM text of one key, read strictly, for the key files of this folder: a file has one reading, and
// whoever brings another kind of key is told what was found and what is allowed.
//
//   private  PKCS#8 "PRIVATE KEY" or SEC1 "EC PRIVATE KEY" (an "EC PARAMETERS" block may precede)
//   public   SubjectPublicKeyInfo "PUBLIC KEY"
//
// Only white space may surround the block, nothing may follow the structure inside it. Nothing of
// the text is ever quoted but the names of its blocks, since it may be a private key.
// Errors, INVALID_ARGUMENT all:
//   KEY_INVALID        empty, no PEM, damaged, several blocks, text around the block
//   KEY_ENCRYPTED      a passphrase protects the private key
//   KEY_HALF_MISMATCH  a public key (or certificate) where a private one is needed, or the reverse
//   KEY_KIND_REFUSED   a key of another algorithm
// Pure functions; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_KEY_PEM_H_
#define KALAVAI_COMMON_CRYPTO_KEY_PEM_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/openssl.h"

namespace kalavai::openssl {

enum class KeyHalf { kPrivate, kPublic };

// The one key in `pem` (at most 64 KiB), of any algorithm that OpenSSL reads: the caller decides
// which it takes.
absl::StatusOr<KeyPtr> ReadKeyPem(absl::string_view pem, KeyHalf half);

// KEY_INVALID. `found` says what was found, `must` what has to hold.
absl::Status KeyInvalid(absl::string_view found, absl::string_view must);
// KEY_KIND_REFUSED: a key of kind `found`, such as "RSA" or "EC on secp256k1".
absl::Status KeyKindRefused(absl::string_view found);

}  // namespace kalavai::openssl

#endif  // KALAVAI_COMMON_CRYPTO_KEY_PEM_H_
