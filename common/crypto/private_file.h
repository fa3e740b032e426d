// Files that hold private keys, for this folder: read through one descriptor, so that what was
// checked is what is read.
#ifndef KALAVAI_COMMON_CRYPTO_PRIVATE_FILE_H_
#define KALAVAI_COMMON_CRYPTO_PRIVATE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "common/base/secret.h"

namespace kalavai {

// The bytes of a regular file whose mode gives nothing to group and others. Errors:
//   PERMISSION_DENIED KEY_FILE_MODE      the mode gives somebody else something
//   INVALID_ARGUMENT  FILE_KIND_REFUSED  a symbolic link, directory, device, FIFO or socket
//   INVALID_ARGUMENT  FILE_TOO_LARGE     more than `bytes_max`
//   FILE_NOT_FOUND, IO_ERROR             those of ErrnoError
absl::StatusOr<Secret<std::string>> ReadPrivateFile(const std::string& path, int64_t bytes_max);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_PRIVATE_FILE_H_
