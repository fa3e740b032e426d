#include "common/safetensors/reader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

absl::Status FileChanged(const std::string& path, absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "FILE_CHANGED",
                   {.what = absl::StrCat(path, ": ", what, " while it was read; must not change"),
                    .why = "what was checked would not be what is used",
                    .fix = "wait until whatever writes it is done, then repeat the command",
                    .metadata = {{"path", path}}});
}

absl::Status ReadAt(int file, const std::string& path, int64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count = pread(file, out.data(), out.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read", path);
    if (count == 0) return FileChanged(path, absl::StrCat("shorter than ", offset, " bytes"));
    offset += count;
    out = out.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(int file, const std::string& path, int64_t offset,
                                     int64_t size) {
  std::string text(static_cast<size_t>(size), '\0');
  RETURN_IF_ERROR(ReadAt(file, path, offset, std::as_writable_bytes(std::span(text))));
  return text;
}

// FILE_KIND_REFUSED for a link, rather than the system's "too many levels of symbolic links".
absl::StatusOr<FileDescriptor> OpenFile(const std::string& path, SafetensorsMode mode) {
  struct stat info = {};
  if (mode == SafetensorsMode::kUpload && lstat(path.c_str(), &info) == 0 &&
      S_ISLNK(info.st_mode)) {
    return Annotate(SafetensorsError(SafetensorsDefect::kNotAFile, {}, "a symbolic link",
                                     "be a regular file in an upload"),
                    path);
  }
  // O_NOFOLLOW: it could have become a link since. O_NONBLOCK: opening a FIFO must not wait for its
  // writer before fstat can refuse it.
  const int no_follow = mode == SafetensorsMode::kUpload ? O_NOFOLLOW : 0;
  return FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK | no_follow);
}

}  // namespace

void SafetensorsFile::Unmap::operator()(std::byte* address) const { munmap(address, size); }

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path,
                                                      SafetensorsMode mode) {
  SafetensorsFile result;
  result.path_ = path;
  ASSIGN_OR_RETURN(result.file_, OpenFile(path, mode));
  const int file = result.file_.get();
  struct stat info = {};
  if (fstat(file, &info) != 0) return ErrnoError(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) {
    return Annotate(SafetensorsError(SafetensorsDefect::kNotAFile, {}, "a directory or device",
                                     "be a regular file"),
                    path);
  }
  result.size_ = info.st_size;
  result.modified_ = info.st_mtim;
  ASSIGN_OR_RETURN(
      const std::string prefix,
      ReadText(file, path, 0, std::min(result.size_, SafetensorsHeader::kPrefixBytes)));
  const absl::StatusOr<int64_t> length = SafetensorsHeader::Length(prefix, result.size_, mode);
  if (!length.ok()) return Annotate(length.status(), path);
  result.data_offset_ = static_cast<size_t>(SafetensorsHeader::kPrefixBytes + *length);
  ASSIGN_OR_RETURN(const std::string text,
                   ReadText(file, path, SafetensorsHeader::kPrefixBytes, *length));
  absl::StatusOr<SafetensorsHeader> header = SafetensorsHeader::Parse(
      text, result.size_ - static_cast<int64_t>(result.data_offset_), mode);
  if (!header.ok()) return Annotate(header.status(), path);
  result.header_ = std::make_unique<const SafetensorsHeader>(*std::move(header));

  const auto bytes = static_cast<size_t>(result.size_);
  void* address = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, /*offset=*/0);
  if (address == MAP_FAILED) return ErrnoError(errno, "map", path);
  result.mapping_ = {static_cast<std::byte*>(address), Unmap{bytes}};
  return result;
}

std::span<const std::byte> SafetensorsFile::Bytes(const TensorInfo& tensor) const {
  KALAVAI_CHECK(
      tensor.begin >= 0 && tensor.begin <= tensor.end && tensor.end <= header_->data_size(),
      "a tensor must come from this file's header");
  return {mapping_.get() + data_offset_ + tensor.begin, static_cast<size_t>(tensor.ByteCount())};
}

absl::Status SafetensorsFile::Read(const TensorInfo& tensor, int64_t offset,
                                   std::span<std::byte> out) const {
  KALAVAI_CHECK(tensor.end <= header_->data_size() && offset >= 0 && offset <= tensor.ByteCount() &&
                    static_cast<int64_t>(out.size()) <= tensor.ByteCount() - offset,
                "a part of a tensor of this file's header");
  return ReadAt(file_.get(), path_, static_cast<int64_t>(data_offset_) + tensor.begin + offset,
                out);
}

absl::Status SafetensorsFile::CheckUnchanged() const {
  struct stat info = {};
  if (fstat(file_.get(), &info) != 0) return ErrnoError(errno, "stat", path_);
  if (info.st_size == size_ && info.st_mtim.tv_sec == modified_.tv_sec &&
      info.st_mtim.tv_nsec == modified_.tv_nsec) {
    return absl::OkStatus();
  }
  return FileChanged(path_, absl::StrCat(info.st_size, " instead of ", size_,
                                         " bytes, or another modification time,"));
}

}  // namespace kalavai
