#include "common/crypto/sha256.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {
namespace {

absl::Status DigestError(absl::string_view found, absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "DIGEST_INVALID",
      {.what = absl::StrCat("digest: '", found.substr(0, 80), "' found; must be ", rule),
       .why = "a digest has one spelling"});
}

}  // namespace

absl::StatusOr<Digest> Digest::FromHex(absl::string_view hex) {
  const auto bytes = HexDecode(hex);
  if (!bytes.ok() || bytes->size() != kBytes) {
    return DigestError(hex, "64 lower-case hexadecimal digits");
  }
  return FromBytes(*bytes);
}

absl::StatusOr<Digest> Digest::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kBytes) {
    return DigestError(absl::StrCat(bytes.size(), " bytes"), "32 bytes");
  }
  Digest digest;
  std::copy(bytes.begin(), bytes.end(), digest.bytes_.begin());
  return digest;
}

absl::string_view Digest::bytes() const {
  return absl::string_view(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
}

std::string Digest::Hex() const { return HexEncode(bytes()); }

void Sha256::ContextDeleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  KALAVAI_CHECK(
      context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
      "every OpenSSL has SHA-256");
}

void Sha256::Update(absl::string_view bytes) {
  KALAVAI_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
                "hashing memory cannot fail");
}

Digest Sha256::Finish() {
  std::array<uint8_t, Digest::kBytes> bytes = {};
  KALAVAI_CHECK(EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr) == 1 &&
                    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
                "hashing memory cannot fail");
  return Digest(bytes);
}

Digest Sha256Of(absl::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

absl::StatusOr<Digest> Sha256OfFile(const std::string& path) {
  ASSIGN_OR_RETURN(const FileDescriptor file, FileDescriptor::Open(path, O_RDONLY));
  std::vector<char> buffer(static_cast<size_t>(limits::kMiB));
  Sha256 hash;
  while (true) {
    const ssize_t count = read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read", path);
    if (count == 0) return hash.Finish();
    hash.Update(absl::string_view(buffer.data(), static_cast<size_t>(count)));
  }
}

}  // namespace kalavai
