// A safetensors file, validated and mapped read-only.
//
//   ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path, mode));
//   const TensorInfo* tensor = file.Find("model.norm.weight");
//   if (tensor != nullptr) Use(file.Bytes(*tensor));
//
// Two ways to the bytes. Bytes() is a view of a private, read-only mapping: no copy, but a read is
// SIGBUS when the file was truncated meanwhile. That cannot happen to blobs (immutable) nor through
// our writers (they replace files by rename); for a file somebody else may be writing, use Read(),
// which copies with pread and reports FILE_CHANGED, or ask CheckUnchanged() before a long pass. The
// header itself is always read with pread, and the size is fstat's.
//
// Spans live as long as the object (also after it is moved). Alignment to the element is guaranteed
// in SafetensorsMode::kUpload only; otherwise copy, never cast. Thread-safe: constant after Open.
#ifndef KALAVAI_COMMON_SAFETENSORS_READER_H_
#define KALAVAI_COMMON_SAFETENSORS_READER_H_

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/safetensors/header.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {

class SafetensorsFile {
 public:
  // Errors: those of SafetensorsHeader, with the path before the message; FILE_NOT_FOUND or
  // IO_ERROR; FILE_KIND_REFUSED for what is no regular file, in kUpload also for a symbolic link.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path, SafetensorsMode mode);

  SafetensorsFile(SafetensorsFile&&) noexcept = default;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept = default;

  const std::string& path() const { return path_; }
  const SafetensorsHeader& header() const { return *header_; }
  const TensorInfo* Find(absl::string_view name) const { return header_->Find(name); }

  // `tensor` must be one of this file's header.
  std::span<const std::byte> Bytes(const TensorInfo& tensor) const;

  // Copies the bytes `offset` … `offset` + out.size() − 1 of the tensor. Errors: FILE_CHANGED when
  // the file has become shorter; IO_ERROR.
  absl::Status Read(const TensorInfo& tensor, int64_t offset, std::span<std::byte> out) const;

  // FAILED_PRECONDITION FILE_CHANGED when size or modification time are no longer those of Open.
  absl::Status CheckUnchanged() const;

 private:
  struct Unmap {
    Unmap() {}  // not by a default member initializer: that would come too late for mapping_
    explicit Unmap(size_t bytes) : size(bytes) {}
    size_t size = 0;
    void operator()(std::byte* address) const;
  };

  SafetensorsFile() = default;

  std::string path_;
  FileDescriptor file_;
  int64_t size_ = 0;
  timespec modified_ = {};
  std::unique_ptr<const SafetensorsHeader> header_;  // in place, so that references to it last
  std::unique_ptr<std::byte, Unmap> mapping_;
  size_t data_offset_ = 0;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_READER_H_
