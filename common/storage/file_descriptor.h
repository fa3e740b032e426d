// A POSIX file descriptor with an owner, and complete writes on it. For common/storage.
#ifndef KALAVAI_COMMON_STORAGE_FILE_DESCRIPTOR_H_
#define KALAVAI_COMMON_STORAGE_FILE_DESCRIPTOR_H_

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

 private:
  int number_ = -1;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_STORAGE_FILE_DESCRIPTOR_H_
