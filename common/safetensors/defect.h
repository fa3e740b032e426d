// What can be wrong with a safetensors file, and the one form of saying it.
//
// Every error of this folder about a file's content is INVALID_ARGUMENT with one reason a class of
// defect (all begin with "SAFETENSORS_"; a file that is no regular file: FILE_KIND_REFUSED) and the
// metadata `defect` (DefectName, finer than the reason), `found`, `allowed`, `tensor` (escaped) and
// `offset` (byte of the header), the last two where there is one. Pure functions.
#ifndef KALAVAI_COMMON_SAFETENSORS_DEFECT_H_
#define KALAVAI_COMMON_SAFETENSORS_DEFECT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai {

enum class SafetensorsDefect {
  kNotAFile,           // SafetensorsFile only: not a regular file
  kFileTooShort,       // fewer than 8 bytes
  kHeaderTooLarge,     // above the limit of the mode
  kHeaderPastEnd,      // the header would end after the file
  kNotUtf8,            //
  kNotAnObject,        // the header does not begin with '{'
  kSyntax,             // not JSON, or not of the one shape the format knows
  kBadPadding,         // something else than spaces after the object
  kDuplicateKey,       // a tensor, a field or a metadata key occurs twice
  kUnknownField,       // a field other than dtype, shape, data_offsets
  kMissingField,       //
  kUnknownDtype,       //
  kBadInteger,         // sign, fraction, exponent, leading zero, or above 2^64-1
  kTooManyDimensions,  // more than 8
  kBadOffsets,         // data_offsets is not a pair
  kNotContiguous,      // a hole, an overlap, or reversed offsets
  kSizeOverflow,       // shape × dtype exceeds 2^64-1 bits
  kPartialByte,        // a 4 or 6 bit tensor does not end on a byte
  kSizeMismatch,       // shape × dtype differs from data_offsets
  kDataSizeMismatch,   // the last tensor does not end where the file ends
  kMetadataTooLarge,   // above 1024 entries or 1 MiB
  kNameTooLong,        // above 64 KiB
  kUploadDtype,        // kUpload only, as are the next four
  kUploadName,         //
  kUploadAlignment,    //
  kUploadEmptyTensor,  //
  kUploadNoTensors,    //
};

absl::string_view DefectName(SafetensorsDefect defect);    // UPPER_SNAKE: "DUPLICATE_KEY"
absl::string_view DefectReason(SafetensorsDefect defect);  // of error_reason.proto

// Where in a file a defect lies; both absent: the file as a whole.
struct SafetensorsPlace {
  absl::string_view tensor = {};                // its name as in the file; any bytes
  std::optional<size_t> offset = std::nullopt;  // byte of the header
};

// The message reads "tensor 'NAME', header byte N: `found` found; must `allowed`".
absl::Status SafetensorsError(SafetensorsDefect defect, const SafetensorsPlace& place,
                              absl::string_view found, absl::string_view allowed);

// Whether `status` says that a file is no safetensors file we accept.
bool IsSafetensorsError(const absl::Status& status);

// At most 120 bytes of foreign text, escaped so that it can be printed.
std::string Printable(absl::string_view foreign);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_DEFECT_H_
