#include "common/safetensors/reader.h"

#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/safetensors/header_parser.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {

void SafetensorsFile::Unmap::operator()(std::byte* address) const { munmap(address, size); }

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path,
                                                      SafetensorsMode mode) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer before fstat can refuse it.
  const int no_follow = mode == SafetensorsMode::kUpload ? O_NOFOLLOW : 0;
  ASSIGN_OR_RETURN(const FileDescriptor file,
                   FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK | no_follow));
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) {
    return Annotate(SafetensorsError(SafetensorsDefect::kNotAFile, "must be a regular file"), path);
  }
  const int64_t size = info.st_size;
  if (size < SafetensorsHeader::kPrefixBytes) {
    return Annotate(SafetensorsHeader::Length("", size, mode).status(), path);
  }
  void* address =
      mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, file.get(), /*offset=*/0);
  if (address == MAP_FAILED) return ErrnoError(errno, "map", path);

  SafetensorsFile result;
  result.path_ = path;
  result.mapping_ = {static_cast<std::byte*>(address), Unmap{static_cast<size_t>(size)}};
  const absl::string_view bytes(static_cast<const char*>(address), static_cast<size_t>(size));
  const absl::StatusOr<int64_t> length =
      SafetensorsHeader::Length(bytes.substr(0, SafetensorsHeader::kPrefixBytes), size, mode);
  if (!length.ok()) return Annotate(length.status(), path);
  result.data_offset_ = static_cast<size_t>(SafetensorsHeader::kPrefixBytes + *length);
  absl::StatusOr<SafetensorsHeader> header = SafetensorsHeader::Parse(
      bytes.substr(SafetensorsHeader::kPrefixBytes, static_cast<size_t>(*length)),
      size - static_cast<int64_t>(result.data_offset_), mode);
  if (!header.ok()) return Annotate(header.status(), path);
  result.header_ = std::make_unique<const SafetensorsHeader>(*std::move(header));
  return result;
}

std::span<const std::byte> SafetensorsFile::Bytes(const TensorInfo& tensor) const {
  KALAVAI_CHECK(
      tensor.begin >= 0 && tensor.begin <= tensor.end && tensor.end <= header_->data_size(),
      "a tensor must come from this file's header");
  return {mapping_.get() + data_offset_ + tensor.begin, static_cast<size_t>(tensor.ByteCount())};
}

}  // namespace kalavai
