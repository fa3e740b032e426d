#include "common/storage/atomic_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {
namespace {

std::string DirectoryOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

// Removes a temporary file when leaving a scope, whatever the way out.
class RemoveOnExit {
 public:
  explicit RemoveOnExit(std::string path) : path_(std::move(path)) {}
  ~RemoveOnExit() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  RemoveOnExit(const RemoveOnExit&) = delete;
  RemoveOnExit& operator=(const RemoveOnExit&) = delete;
  void Keep() { path_.clear(); }

 private:
  std::string path_;
};

// A synced temporary file beside `path`, with its bytes and its mode.
absl::StatusOr<std::string> WriteTemporary(const std::string& path,
                                           std::span<const absl::string_view> pieces, mode_t mode) {
  std::string temporary = absl::StrCat(path, ".tmp-XXXXXX");
  const int number = mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600 until the bytes are in
  if (number < 0) return ErrnoError(errno, "create", temporary);
  const FileDescriptor file(number);
  RemoveOnExit remove(temporary);
  for (const absl::string_view piece : pieces) {
    RETURN_IF_ERROR(file.WriteAll(piece, temporary));
  }
  if (fchmod(file.get(), mode) != 0) return ErrnoError(errno, "set mode of", temporary);
  RETURN_IF_ERROR(file.Sync(temporary));
  remove.Keep();
  return temporary;
}

// `mode` absent: what the umask leaves of 0755.
absl::Status EnsureDirectoryWith(const std::string& path, std::optional<mode_t> mode) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  const std::string parent = DirectoryOf(path);
  if (parent != path) RETURN_IF_ERROR(EnsureDirectoryWith(parent, std::nullopt));
  if (mkdir(path.c_str(), mode.value_or(0755)) != 0) {
    const int found = errno;
    if (found == EEXIST && std::filesystem::is_directory(path, error)) return absl::OkStatus();
    return ErrnoError(found == EEXIST ? ENOTDIR : found, "create directory", path);
  }
  absl::Status status;
  if (mode.has_value() && chmod(path.c_str(), *mode) != 0) {
    status = ErrnoError(errno, "set mode of", path);
  }
  if (status.ok()) status = SyncDirectory(parent);
  if (!status.ok()) rmdir(path.c_str());
  return status;
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, mode_t mode) {
  return WritePiecesAtomically(path, {&bytes, 1}, mode);
}

absl::Status WritePiecesAtomically(const std::string& path,
                                   std::span<const absl::string_view> pieces, mode_t mode) {
  ASSIGN_OR_RETURN(const std::string temporary, WriteTemporary(path, pieces, mode));
  RemoveOnExit remove(temporary);
  if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoError(errno, "rename to", path);
  remove.Keep();
  return SyncDirectory(DirectoryOf(path));
}

absl::Status CreateFileAtomically(const std::string& path, absl::string_view bytes, mode_t mode) {
  ASSIGN_OR_RETURN(const std::string temporary, WriteTemporary(path, {&bytes, 1}, mode));
  const RemoveOnExit remove(temporary);
  // link(2), unlike rename(2), refuses an existing name.
  if (link(temporary.c_str(), path.c_str()) != 0) {
    if (errno != EEXIST) return ErrnoError(errno, "link to", path);
    return MakeError(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                     {.what = absl::StrCat("create ", path, ": the file exists already"),
                      .why = "it is written once and never replaced",
                      .fix = "move the existing file away if it is really no longer needed",
                      .metadata = {{"path", path}}});
  }
  absl::Status durable = SyncDirectory(DirectoryOf(path));
  // Taken back: an error must leave the name free for another try.
  if (!durable.ok()) unlink(path.c_str());
  return durable;
}

absl::StatusOr<std::string> ReadFileBounded(const std::string& path, int64_t bytes_max) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer before fstat can refuse it.
  ASSIGN_OR_RETURN(const FileDescriptor file, FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK));
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE_KIND_REFUSED",
                     {.what = absl::StrCat("read ", path, ": must be a regular file"),
                      .fix = "name a file, not a directory or a device",
                      .metadata = {{"path", path}}});
  }
  const auto too_large = [&](int64_t size) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE_TOO_LARGE",
                     {.what = absl::StrCat("read ", path, ": ", size,
                                           " bytes found; must be at most ", bytes_max),
                      .fix = "check that this is the file that was meant",
                      .metadata = {{"path", path},
                                   {"actual", absl::StrCat(size)},
                                   {"maximum", absl::StrCat(bytes_max)}}});
  };
  if (info.st_size > bytes_max) return too_large(info.st_size);
  // One byte more than its size is asked for, so that a file that grows meanwhile is noticed.
  std::string bytes(static_cast<size_t>(info.st_size) + 1, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read", path);
    if (count == 0) break;
    filled += static_cast<size_t>(count);
    if (filled > static_cast<size_t>(bytes_max)) return too_large(static_cast<int64_t>(filled));
    if (filled == bytes.size()) bytes.resize(bytes.size() * 2);
  }
  bytes.resize(filled);
  return bytes;
}

absl::Status EnsureDirectory(const std::string& path, mode_t mode) {
  return EnsureDirectoryWith(path, mode);
}

absl::Status SyncDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const FileDescriptor directory,
                   FileDescriptor::Open(path, O_RDONLY | O_DIRECTORY));
  return directory.Sync(path);
}

}  // namespace kalavai
