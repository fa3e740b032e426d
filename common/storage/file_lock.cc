#include "common/storage/file_lock.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

constexpr int64_t kHolderBytesMax = 512;

std::string Self() {
  std::array<char, 256> host = {};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return absl::StrCat(host[0] == '\0' ? "this machine" : host.data(), ", process ", getpid());
}

// A look lasts microseconds; so many milliseconds of nothing but looks are no coincidence.
constexpr int kLooksMax = 200;
constexpr absl::Duration kLook = absl::Milliseconds(1);

// Whether the lock could be had at once, exclusive (LOCK_EX) or shared (LOCK_SH).
absl::StatusOr<bool> Take(const FileDescriptor& file, int kind, const std::string& path) {
  while (flock(file.get(), kind | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return ErrnoError(errno, "lock", path);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::optional<FileLock>> FileLock::Try(const std::string& path) {
  ASSIGN_OR_RETURN(FileDescriptor file, FileDescriptor::Open(path, O_RDWR | O_CREAT, 0600));
  ASSIGN_OR_RETURN(bool taken, Take(file, LOCK_EX, path));
  const absl::Notification never;  // the end of another process's look is no event of this one
  for (int i = 0; !taken && i < kLooksMax; ++i) {
    ASSIGN_OR_RETURN(const bool only_looks, Take(file, LOCK_SH, path));
    if (!only_looks) break;
    flock(file.get(), LOCK_UN);
    if (i > 0) never.WaitForNotificationWithTimeout(kLook);
    ASSIGN_OR_RETURN(taken, Take(file, LOCK_EX, path));
  }
  if (!taken) return std::optional<FileLock>();
  RETURN_IF_ERROR(file.TruncateTo(0, path));
  RETURN_IF_ERROR(file.WriteAll(Self() + "\n", path));
  return std::optional<FileLock>(FileLock(std::move(file)));
}

absl::StatusOr<bool> FileLock::IsHeld(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return false;
  ASSIGN_OR_RETURN(const FileDescriptor file, FileDescriptor::Open(path, O_RDWR));
  ASSIGN_OR_RETURN(const bool shared, Take(file, LOCK_SH, path));
  return !shared;
}

std::string FileLock::HolderOf(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFileBounded(path, kHolderBytesMax);
  std::string holder(text.ok() ? absl::StripAsciiWhitespace(*text) : "");
  for (char& c : holder) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return holder.empty() ? "an unknown process" : holder;
}

}  // namespace kalavai
