#include "common/crypto/private_file.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {
namespace {

absl::Status KindRefused(const std::string& path, const char* found) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "FILE_KIND_REFUSED",
      {.what = absl::StrCat("key file ", path, ": a ", found, " found; must be a regular file"),
       .why = "a key must not be replaced through a name that somebody else controls",
       .fix = "name the file itself",
       .metadata = {{"path", path}, {"found", found}}});
}

const char* KindOf(mode_t mode) {
  if (S_ISLNK(mode)) return "symbolic link";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISFIFO(mode)) return "FIFO";
  if (S_ISSOCK(mode)) return "socket";
  return "device";
}

absl::Status CheckMode(const std::string& path, mode_t mode) {
  if ((mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kPermissionDenied, "KEY_FILE_MODE",
      {.what = absl::StrFormat(
           "key file %s: mode %04o found; must give nothing to group and others (0600)", path,
           mode & 07777),
       .why = "whoever reads the key can sign in its owner's name",
       .fix = absl::StrCat("chmod 600 ", path),
       .metadata = {{"path", path}}});
}

}  // namespace

absl::StatusOr<Secret<std::string>> ReadPrivateFile(const std::string& path, int64_t bytes_max) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return ErrnoError(errno, "read", path);
  if (!S_ISREG(info.st_mode)) return KindRefused(path, KindOf(info.st_mode));
  RETURN_IF_ERROR(CheckMode(path, info.st_mode));
  // The name may mean another file by now: what counts is what the descriptor holds.
  ASSIGN_OR_RETURN(const FileDescriptor file,
                   FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "read", path);
  if (!S_ISREG(info.st_mode)) return KindRefused(path, KindOf(info.st_mode));
  RETURN_IF_ERROR(CheckMode(path, info.st_mode));
  std::string bytes(static_cast<size_t>(bytes_max) + 1, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      Wipe(bytes);
      return ErrnoError(error, "read", path);
    }
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  if (filled > static_cast<size_t>(bytes_max)) {
    Wipe(bytes);
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE_TOO_LARGE",
                     {.what = absl::StrCat("key file ", path, ": more than ", bytes_max,
                                           " bytes found; must be at most that"),
                      .metadata = {{"path", path}, {"maximum", absl::StrCat(bytes_max)}}});
  }
  bytes.resize(filled);
  return Secret<std::string>(std::move(bytes));
}

}  // namespace kalavai
