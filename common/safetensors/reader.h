// A safetensors file, validated and mapped read-only.
//
//   ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path, mode));
//   const TensorInfo* tensor = file.Find("model.norm.weight");
//   if (tensor != nullptr) Use(file.Bytes(*tensor));
//
// The size is fstat's. The file must not be truncated while it is mapped (a read would be SIGBUS):
// blobs are immutable, and our writers replace files by rename. Spans live as long as the object
// (also after it is moved). Alignment to the element is guaranteed in SafetensorsMode::kUpload
// only; otherwise copy, never cast. Thread-safe: constant after Open.
#ifndef KALAVAI_COMMON_SAFETENSORS_READER_H_
#define KALAVAI_COMMON_SAFETENSORS_READER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/safetensors/header.h"

namespace kalavai {

class SafetensorsFile {
 public:
  // Errors: those of SafetensorsHeader, with the path before the message; FILE_NOT_FOUND or
  // IO_ERROR; SAFETENSORS_INVALID with defect NOT_A_FILE for what is no regular file. In kUpload a
  // symbolic link is refused (IO_ERROR).
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path, SafetensorsMode mode);

  SafetensorsFile(SafetensorsFile&&) noexcept = default;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept = default;

  const std::string& path() const { return path_; }
  const SafetensorsHeader& header() const { return *header_; }
  const TensorInfo* Find(absl::string_view name) const { return header_->Find(name); }

  // `tensor` must be one of this file's header.
  std::span<const std::byte> Bytes(const TensorInfo& tensor) const;

 private:
  struct Unmap {
    Unmap() {}  // not by a default member initializer: that would come too late for mapping_
    explicit Unmap(size_t bytes) : size(bytes) {}
    size_t size = 0;
    void operator()(std::byte* address) const;
  };

  SafetensorsFile() = default;

  std::string path_;
  std::unique_ptr<const SafetensorsHeader> header_;  // in place, so that TensorInfo pointers last
  std::unique_ptr<std::byte, Unmap> mapping_;
  size_t data_offset_ = 0;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_READER_H_
