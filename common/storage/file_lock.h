// One process at a time at some work, also among machines that share a file system (flock(2), which
// NFS passes on): the lock is the file's, and goes with the process, however it ends.
//
//   ASSIGN_OR_RETURN(const std::optional<FileLock> lock, FileLock::Try(path));
//   if (!lock.has_value()) return … FileLock::HolderOf(path) … ;
//
// The file says who holds it, or held it last ("HOST, process PID"), and stays: a lock on a file
// that was removed keeps nobody out. Looking whether it is held does not either: IsHeld shares the
// lock for a moment, and Try waits for lookers. Errors: those of ErrnoError. Movable; the two
// objects of one process keep each other out as well.
#ifndef KALAVAI_COMMON_STORAGE_FILE_LOCK_H_
#define KALAVAI_COMMON_STORAGE_FILE_LOCK_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

#include "common/storage/file_descriptor.h"

namespace kalavai {

class FileLock {
 public:
  // Nothing when it is held.
  static absl::StatusOr<std::optional<FileLock>> Try(const std::string& path);

  // Whether somebody holds it now; false when there is no such file.
  static absl::StatusOr<bool> IsHeld(const std::string& path);

  // Who wrote into the file last, without control characters; "an unknown process" when it says
  // nothing.
  static std::string HolderOf(const std::string& path);

 private:
  explicit FileLock(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_STORAGE_FILE_LOCK_H_
