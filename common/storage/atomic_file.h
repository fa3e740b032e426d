// Whole files, durably: after OK the new content survives power loss. A reader always sees a whole
// content, the old one or the new one, and after an error it may be either (only the last step, the
// sync of the directory, can fail with the new one in place). The same call again repairs it.
// Errors: those of ErrnoError (FILE_NOT_FOUND, DISK_FULL, IO_ERROR) and as said below. Any thread;
// two writers of one path: the last rename wins.
#ifndef KALAVAI_COMMON_STORAGE_ATOMIC_FILE_H_
#define KALAVAI_COMMON_STORAGE_ATOMIC_FILE_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include <sys/types.h>

namespace kalavai {

// Writes a temporary file beside `path`, fsyncs it, renames it over `path`, fsyncs the directory.
// The file gets exactly `mode` whatever the umask. The temporary file is removed on failure.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes,
                                 mode_t mode = 0644);

// The same for a file whose parts are in memory one by one, as a header and many tensors are.
absl::Status WritePiecesAtomically(const std::string& path,
                                   std::span<const absl::string_view> pieces, mode_t mode = 0644);

// WriteFileAtomically, but ALREADY_EXISTS FILE_EXISTS when `path` exists, decided by the file
// system, so two creators cannot both succeed. After any other error there is no file.
absl::Status CreateFileAtomically(const std::string& path, absl::string_view bytes,
                                  mode_t mode = 0644);

// Reads a regular file of at most `bytes_max` bytes; INVALID_ARGUMENT FILE_TOO_LARGE beyond that
// (by its size, before reading), INVALID_ARGUMENT FILE_KIND_REFUSED when it is not a regular file.
absl::StatusOr<std::string> ReadFileBounded(const std::string& path, int64_t bytes_max);

// Creates `path` and its missing parents, durably. `mode` applies to `path` itself when it is
// created, and is exact; parents get 0755 less the umask; an existing directory keeps its own. A
// directory that cannot be made durable is taken back.
absl::Status EnsureDirectory(const std::string& path, mode_t mode = 0755);

// Makes creations, renames and removals in a directory durable.
absl::Status SyncDirectory(const std::string& path);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_STORAGE_ATOMIC_FILE_H_
