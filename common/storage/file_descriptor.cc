#include "common/storage/file_descriptor.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "common/base/errors.h"

namespace kalavai {

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : number_(std::exchange(other.number_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) close(number_);
}

absl::StatusOr<FileDescriptor> FileDescriptor::Open(const std::string& path, int flags,
                                                    mode_t mode) {
  while (true) {
    const int number = open(path.c_str(), flags | O_CLOEXEC, mode);
    if (number >= 0) return FileDescriptor(number);
    if (errno != EINTR) return ErrnoError(errno, "open", path);
  }
}

absl::Status FileDescriptor::WriteAll(absl::string_view bytes, const std::string& path) const {
  while (!bytes.empty()) {
    const ssize_t count = write(number_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "write", path);
    if (count == 0) return ErrnoError(EIO, "write", path);  // would never end
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status FileDescriptor::Sync(const std::string& path) const {
  while (fsync(number_) != 0) {
    if (errno != EINTR) return ErrnoError(errno, "sync", path);
  }
  return absl::OkStatus();
}

absl::Status FileDescriptor::SyncData(const std::string& path) const {
  while (fdatasync(number_) != 0) {
    if (errno != EINTR) return ErrnoError(errno, "sync", path);
  }
  return absl::OkStatus();
}

absl::Status FileDescriptor::TruncateTo(int64_t size, const std::string& path) const {
  while (ftruncate(number_, size) != 0) {
    if (errno != EINTR) return ErrnoError(errno, "truncate", path);
  }
  if (lseek(number_, size, SEEK_SET) != size) return ErrnoError(errno, "seek", path);
  return absl::OkStatus();
}

}  // namespace kalavai
