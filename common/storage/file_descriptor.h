// A POSIX file descriptor with an owner, and complete writes on it. For common/storage.
#ifndef KALAVAI_COMMON_STORAGE_FILE_DESCRIPTOR_H_
#define KALAVAI_COMMON_STORAGE_FILE_DESCRIPTOR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include <sys/types.h>

namespace kalavai {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}  // takes ownership
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  // open(2) with O_CLOEXEC, repeated on EINTR. Errors of ErrnoError, naming `path`.
  static absl::StatusOr<FileDescriptor> Open(const std::string& path, int flags, mode_t mode = 0);

  int get() const { return number_; }
  // Writes every byte at the descriptor's position.
  absl::Status WriteAll(absl::string_view bytes, const std::string& path) const;
  // fsync and fdatasync, repeated on EINTR. After any other error what is on the disk is unknown,
  // and a repeated call may succeed falsely: give up what was written since the last success.
  absl::Status Sync(const std::string& path) const;
  absl::Status SyncData(const std::string& path) const;
  // Makes the file `size` bytes long and continues there.
  absl::Status TruncateTo(int64_t size, const std::string& path) const;

 private:
  int number_ = -1;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_STORAGE_FILE_DESCRIPTOR_H_
