// Makes the Nth file call of this thread fail, be cut short or kill the process, without a seam in
// the product: a test that links this defines write, fsync, rename, open and their like itself and
// passes them on to libc, for our code and for SQLite alike (it is a shared library).
//
//   for (int64_t n = 1;; ++n) {
//     FaultyFileSystem faults(directory, {.call = n, .error = EIO});
//     const absl::Status status = Operation();
//     faults.Disarm();
//     … the invariants hold, whatever the status …
//     if (!faults.fired()) break;                    // n calls were not needed: it passed
//   }
//
// Only calls of the thread that made the object, on paths below `directory`, are counted: open,
// mkostemp, read, pread, write, pwrite, fsync, fdatasync, ftruncate, rename, link, unlink, mkdir,
// rmdir, chmod, fchmod and close. Memory-mapped accesses are not seen. One object a thread at a
// time.
#ifndef KALAVAI_TESTS_SUPPORT_FAULTY_FILE_SYSTEM_H_
#define KALAVAI_TESTS_SUPPORT_FAULTY_FILE_SYSTEM_H_

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

namespace kalavai::testing {

enum class FaultKind {
  kError,       // the call changes nothing and fails with Fault::error
  kShortWrite,  // a write of more than one byte takes half of them; other calls are not counted
  kKillBefore,  // SIGKILL instead of the call
  kKillAfter,   // SIGKILL when the call has been made
};

struct Fault {
  int64_t call = 0;  // counted from 1; 0: none fails
  // EINTR counts only calls that a signal may interrupt, ENOSPC only those that take space.
  int error = EIO;
  bool persistent = false;  // every later counted call fails, too
  FaultKind kind = FaultKind::kError;
};

// A call that succeeded and changes what is on the disk, or says that it must be there.
struct FileCall {
  enum class Kind { kCreate, kMkdir, kWrite, kTruncate, kSync, kRename, kLink, kRemove };
  Kind kind = Kind::kSync;
  std::string path = {};
  std::string target = {};  // kRename, kLink
  int64_t offset = 0;       // kWrite; kTruncate: the new size
  std::string bytes = {};   // kWrite
};

class FaultyFileSystem {
 public:
  explicit FaultyFileSystem(const std::string& directory, const Fault& fault = {});
  ~FaultyFileSystem();
  FaultyFileSystem(const FaultyFileSystem&) = delete;
  FaultyFileSystem& operator=(const FaultyFileSystem&) = delete;

  void Disarm();
  bool fired() const { return fired_; }
  const std::string& failed_call() const {
    return failed_call_;
  }                                         // "fsync …/staging", for messages
  int64_t calls() const { return calls_; }  // counted so far
  const std::vector<FileCall>& history() const { return history_; }

  // For the interposed functions only.
  bool Covers(const std::string& path) const;
  bool Fails(const char* name, const std::string& path, bool& kill_after);
  bool CutsShort(const char* name, const std::string& path);
  void Add(FileCall call) { history_.push_back(std::move(call)); }

 private:
  bool Counts(const char* name) const;

  const std::string directory_;
  const Fault fault_;
  int64_t calls_ = 0;
  bool fired_ = false;
  std::string failed_call_;
  std::vector<FileCall> history_;
};

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_FAULTY_FILE_SYSTEM_H_
