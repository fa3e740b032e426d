// SHA-256: the digest by which every file, tensor, checkpoint and log entry is named.
//
//   Sha256 hash;
//   hash.Update(first);
//   hash.Update(second);
//   const Digest digest = hash.Finish();
//
// Pure computation; a Digest is a value (32 bytes, ordered, hashable) with one text form:
// 64 lower-case hexadecimal digits.
#ifndef KALAVAI_COMMON_CRYPTO_SHA256_H_
#define KALAVAI_COMMON_CRYPTO_SHA256_H_

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace kalavai {

class Digest {
 public:
  static constexpr int kBytes = 32;

  Digest() = default;  // all zero; no input is known to have it
  explicit Digest(const std::array<uint8_t, kBytes>& bytes) : bytes_(bytes) {}

  // Both: INVALID_ARGUMENT DIGEST_INVALID unless exactly 64 lower-case digits / 32 raw bytes.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);
  static absl::StatusOr<Digest> FromBytes(absl::string_view bytes);

  std::string Hex() const;
  absl::string_view bytes() const;  // 32 raw bytes; lives as long as this object

  friend auto operator<=>(const Digest&, const Digest&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Digest& digest) {
    return H::combine(std::move(state), digest.bytes_);
  }

 private:
  std::array<uint8_t, kBytes> bytes_ = {};
};

// Streaming digest. Movable; one thread at a time. After Finish the object starts anew.
class Sha256 {
 public:
  Sha256();
  void Update(absl::string_view bytes);
  Digest Finish();

 private:
  struct ContextDeleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, ContextDeleter> context_;
};

Digest Sha256Of(absl::string_view bytes);

// Reads the file once with a 1 MiB buffer. Errors: those of ErrnoError (FILE_NOT_FOUND, IO_ERROR).
absl::StatusOr<Digest> Sha256OfFile(const std::string& path);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_SHA256_H_
