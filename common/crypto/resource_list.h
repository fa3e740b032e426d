// The list of files that a model signature covers: names, order, root digest, and reading it from a
// directory. Part of model_signature.h, which is what other folders include.
#ifndef KALAVAI_COMMON_CRYPTO_RESOURCE_LIST_H_
#define KALAVAI_COMMON_CRYPTO_RESOURCE_LIST_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"

namespace kalavai {

inline constexpr char kModelSignatureFile[] = "model.sig";

// One signed file: its path relative to the directory, '/' between components, and its SHA-256.
struct Resource {
  std::string name;
  Digest digest;
  bool operator==(const Resource&) const = default;
};

// SHA-256(digest_1 || … || digest_n), 32 raw bytes each, in the order given.
Digest RootDigest(std::span<const Resource> resources);

// OK when `name` may stand in a manifest: relative, valid UTF-8, non-empty components other than
// "." and "..", no '\', no control characters, at most 1024 bytes. INVALID_ARGUMENT NAME_INVALID.
absl::Status CheckResourceName(absl::string_view name);

// OK when every name passes CheckResourceName and no two are equal, also after ASCII case folding
// (a disk that ignores case must not merge two files). NAME_INVALID with the names.
absl::Status CheckResourceNames(std::span<const Resource> resources);

// What `path` is called relative to `directory`, or "" when it lies elsewhere. Neither need exist;
// links are followed.
std::string NameInDirectory(const std::string& directory, const std::string& path);

// Every regular file under `directory`, hashed on HashThreads() threads, sorted by name bytewise.
// Dot-files and empty files count; top-level .git, .gitattributes, .github, .gitignore and the file
// `ignored_name` (relative; the signature) do not; empty directories vanish. INVALID_ARGUMENT
// FILE_KIND_REFUSED for a symlink, device, socket or FIFO; NAME_INVALID; FILE_NOT_FOUND, IO_ERROR.
absl::StatusOr<std::vector<Resource>> EnumerateDirectory(
    const std::string& directory, absl::string_view ignored_name = kModelSignatureFile);

// FAILED_PRECONDITION DIRECTORY_EMPTY when there is nothing to sign or to digest.
absl::Status RequireFiles(const std::string& directory, std::span<const Resource> resources);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_RESOURCE_LIST_H_
