// Fortified headers define some of these functions inline.
#undef _FORTIFY_SOURCE
#include "tests/support/faulty_file_system.h"

#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kalavai::testing {
namespace {

using Kind = FileCall::Kind;

thread_local FaultyFileSystem* armed = nullptr;

// While one counted call is made, what libc calls in turn is not counted.
class Pause {
 public:
  Pause() : paused_(std::exchange(armed, nullptr)) {}
  ~Pause() { armed = paused_; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  FaultyFileSystem* system() const { return paused_; }

 private:
  FaultyFileSystem* const paused_;
};

std::string PathOf(int file) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  char path[PATH_MAX];
  const ssize_t length = readlink(link, path, sizeof path);
  return length < 0 ? "" : std::string(path, static_cast<size_t>(length));
}

bool IsOneOf(absl::string_view name, std::initializer_list<absl::string_view> names) {
  for (const absl::string_view one : names) {
    if (name == one) return true;
  }
  return false;
}

// Makes `real` happen, or the fault; `record` is kept when it succeeded.
template <typename Result, typename Real>
Result Call(const char* name, const std::string& path, Real real, const FileCall* record) {
  const Pause pause;
  FaultyFileSystem* const system = pause.system();
  if (system == nullptr || !system->Covers(path)) return real();
  bool kill_after = false;
  if (system->Fails(name, path, kill_after)) {
    const int error = errno;
    // The descriptor is gone even if close fails.
    if (absl::string_view(name) == "close") static_cast<void>(real());
    errno = error;
    return -1;
  }
  const Result result = real();
  const int error = errno;
  if (kill_after) static_cast<void>(raise(SIGKILL));
  if (result >= 0 && record != nullptr) system->Add(*record);
  errno = error;
  return result;
}

template <typename Real>
ssize_t Write(const char* name, int file, const void* bytes, size_t count, off_t offset,
              Real real) {
  if (armed == nullptr) return real(count);
  const std::string path = PathOf(file);
  if (count > 1 && armed->Covers(path) && armed->CutsShort(name, path)) count /= 2;
  FileCall record = {.kind = Kind::kWrite, .path = path, .offset = offset};
  record.bytes.assign(static_cast<const char*>(bytes), count);
  return Call<ssize_t>(
      name, path, [&] { return real(count); }, &record);
}

int Open(const char* path, int flags, mode_t mode, int (*real)(const char*, int, ...)) {
  if (armed == nullptr) return real(path, flags, mode);
  struct stat info = {};
  const bool creates = (flags & O_CREAT) != 0 && lstat(path, &info) != 0;
  const FileCall created = {.kind = Kind::kCreate, .path = path};
  const FileCall truncated = {.kind = Kind::kTruncate, .path = path};
  return Call<int>(
      creates ? "create" : "open", path, [&] { return real(path, flags, mode); },
      creates                  ? &created
      : (flags & O_TRUNC) != 0 ? &truncated
                               : nullptr);
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

FaultyFileSystem::FaultyFileSystem(const std::string& directory, const Fault& fault)
    : directory_([&] {
        char resolved[PATH_MAX];
        return std::string(realpath(directory.c_str(), resolved) == nullptr ? "" : resolved);
      }()),
      fault_(fault) {
  if (directory_.empty() || armed != nullptr) std::abort();
  armed = this;
}

FaultyFileSystem::~FaultyFileSystem() { Disarm(); }

void FaultyFileSystem::Disarm() {
  if (armed == this) armed = nullptr;
}

bool FaultyFileSystem::Covers(const std::string& path) const {
  return absl::StartsWith(path, directory_) &&
         (path.size() == directory_.size() || path[directory_.size()] == '/');
}

bool FaultyFileSystem::Counts(const char* name) const {
  if (fault_.kind == FaultKind::kShortWrite) return false;
  if (fault_.kind != FaultKind::kError) return !IsOneOf(name, {"open", "read", "pread", "close"});
  if (fault_.error == EINTR) {
    return IsOneOf(name, {"open", "create", "read", "pread", "write", "pwrite", "fsync",
                          "fdatasync", "ftruncate"});
  }
  if (fault_.error == ENOSPC) {
    return IsOneOf(name, {"create", "mkostemp", "write", "pwrite", "fsync", "fdatasync", "rename",
                          "link", "mkdir"});
  }
  return true;
}

bool FaultyFileSystem::Fails(const char* name, const std::string& path, bool& kill_after) {
  if (!Counts(name)) return false;
  ++calls_;
  if (fault_.call == 0 || calls_ < fault_.call || (calls_ > fault_.call && !fault_.persistent)) {
    return false;
  }
  if (fault_.kind == FaultKind::kKillBefore) static_cast<void>(raise(SIGKILL));
  if (!fired_) failed_call_ = absl::StrCat(name, " ", path);
  fired_ = true;
  if (fault_.kind == FaultKind::kKillAfter) {
    kill_after = true;
    return false;
  }
  errno = fault_.error;
  return true;
}

bool FaultyFileSystem::CutsShort(const char* name, const std::string& path) {
  if (fault_.kind != FaultKind::kShortWrite) return false;
  ++calls_;
  if (fault_.call == 0 || calls_ < fault_.call || (calls_ > fault_.call && !fault_.persistent)) {
    return false;
  }
  if (!fired_) failed_call_ = absl::StrCat("short ", name, " ", path);
  fired_ = true;
  return true;
}

}  // namespace kalavai::testing

using kalavai::testing::armed;
using kalavai::testing::Call;
using kalavai::testing::FileCall;
using kalavai::testing::Kind;
using kalavai::testing::Next;
using kalavai::testing::Open;
using kalavai::testing::PathOf;

extern "C" {

int open(const char* path, int flags, ...) {
  static const auto real = Next<int (*)(const char*, int, ...)>("open");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open(path, flags, mode, real);
}

int open64(const char* path, int flags, ...) {
  static const auto real = Next<int (*)(const char*, int, ...)>("open64");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open(path, flags, mode, real);
}

int mkostemp(char* pattern, int flags) {
  static const auto real = Next<int (*)(char*, int)>("mkostemp");
  if (armed == nullptr) return real(pattern, flags);
  // The name is known only afterwards.
  auto* const system = armed;
  const int file = Call<int>(
      "mkostemp", pattern, [&] { return real(pattern, flags); }, nullptr);
  if (file >= 0 && system->Covers(pattern)) system->Add({.kind = Kind::kCreate, .path = pattern});
  return file;
}

ssize_t read(int file, void* bytes, size_t count) {
  static const auto real = Next<ssize_t (*)(int, void*, size_t)>("read");
  if (armed == nullptr) return real(file, bytes, count);
  return Call<ssize_t>(
      "read", PathOf(file), [&] { return real(file, bytes, count); }, nullptr);
}

ssize_t pread(int file, void* bytes, size_t count, off_t offset) {
  static const auto real = Next<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  if (armed == nullptr) return real(file, bytes, count, offset);
  return Call<ssize_t>(
      "pread", PathOf(file), [&] { return real(file, bytes, count, offset); }, nullptr);
}

ssize_t pread64(int file, void* bytes, size_t count, off64_t offset) {
  return pread(file, bytes, count, offset);
}

ssize_t write(int file, const void* bytes, size_t count) {
  static const auto real = Next<ssize_t (*)(int, const void*, size_t)>("write");
  const off_t offset = armed == nullptr ? 0 : lseek(file, 0, SEEK_CUR);
  return kalavai::testing::Write("write", file, bytes, count, offset,
                                 [&](size_t n) { return real(file, bytes, n); });
}

ssize_t pwrite(int file, const void* bytes, size_t count, off_t offset) {
  static const auto real = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return kalavai::testing::Write("pwrite", file, bytes, count, offset,
                                 [&](size_t n) { return real(file, bytes, n, offset); });
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t offset) {
  return pwrite(file, bytes, count, offset);
}

// No test loses power, and syncing for real would take most of its time.
int fsync(int file) {
  const auto real = [](int number) { return fcntl(number, F_GETFD) < 0 ? -1 : 0; };
  if (armed == nullptr) return real(file);
  const FileCall record = {.kind = Kind::kSync, .path = PathOf(file)};
  return Call<int>(
      "fsync", record.path, [&] { return real(file); }, &record);
}

int fdatasync(int file) {
  const auto real = [](int number) { return fcntl(number, F_GETFD) < 0 ? -1 : 0; };
  if (armed == nullptr) return real(file);
  const FileCall record = {.kind = Kind::kSync, .path = PathOf(file)};
  return Call<int>(
      "fdatasync", record.path, [&] { return real(file); }, &record);
}

int ftruncate(int file, off_t size) noexcept {
  static const auto real = Next<int (*)(int, off_t)>("ftruncate");
  if (armed == nullptr) return real(file, size);
  const FileCall record = {.kind = Kind::kTruncate, .path = PathOf(file), .offset = size};
  return Call<int>(
      "ftruncate", record.path, [&] { return real(file, size); }, &record);
}

int ftruncate64(int file, off64_t size) noexcept { return ftruncate(file, size); }

int rename(const char* from, const char* to) noexcept {
  static const auto real = Next<int (*)(const char*, const char*)>("rename");
  if (armed == nullptr) return real(from, to);
  const FileCall record = {.kind = Kind::kRename, .path = from, .target = to};
  return Call<int>(
      "rename", to, [&] { return real(from, to); }, &record);
}

int link(const char* from, const char* to) noexcept {
  static const auto real = Next<int (*)(const char*, const char*)>("link");
  if (armed == nullptr) return real(from, to);
  const FileCall record = {.kind = Kind::kLink, .path = from, .target = to};
  return Call<int>(
      "link", to, [&] { return real(from, to); }, &record);
}

int unlink(const char* path) noexcept {
  static const auto real = Next<int (*)(const char*)>("unlink");
  if (armed == nullptr) return real(path);
  const FileCall record = {.kind = Kind::kRemove, .path = path};
  return Call<int>(
      "unlink", path, [&] { return real(path); }, &record);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = Next<int (*)(const char*, mode_t)>("mkdir");
  if (armed == nullptr) return real(path, mode);
  const FileCall record = {.kind = Kind::kMkdir, .path = path};
  return Call<int>(
      "mkdir", path, [&] { return real(path, mode); }, &record);
}

int rmdir(const char* path) noexcept {
  static const auto real = Next<int (*)(const char*)>("rmdir");
  if (armed == nullptr) return real(path);
  const FileCall record = {.kind = Kind::kRemove, .path = path};
  return Call<int>(
      "rmdir", path, [&] { return real(path); }, &record);
}

int chmod(const char* path, mode_t mode) noexcept {
  static const auto real = Next<int (*)(const char*, mode_t)>("chmod");
  if (armed == nullptr) return real(path, mode);
  return Call<int>(
      "chmod", path, [&] { return real(path, mode); }, nullptr);
}

int fchmod(int file, mode_t mode) noexcept {
  static const auto real = Next<int (*)(int, mode_t)>("fchmod");
  if (armed == nullptr) return real(file, mode);
  return Call<int>(
      "fchmod", PathOf(file), [&] { return real(file, mode); }, nullptr);
}

int close(int file) {
  static const auto real = Next<int (*)(int)>("close");
  if (armed == nullptr) return real(file);
  return Call<int>(
      "close", PathOf(file), [&] { return real(file); }, nullptr);
}

}  // extern "C"
