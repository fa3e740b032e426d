#include "common/safetensors/defect.h"

#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"

namespace kalavai {
namespace {

constexpr size_t kPrintableMax = 120;

struct DefectText {
  SafetensorsDefect defect;
  const char* name;
  const char* reason;
};

using enum SafetensorsDefect;
constexpr std::array<DefectText, 27> kDefects = {{
    {kNotAFile, "NOT_A_FILE", "FILE_KIND_REFUSED"},
    {kFileTooShort, "FILE_TOO_SHORT", "SAFETENSORS_TOO_SHORT"},
    {kHeaderTooLarge, "HEADER_TOO_LARGE", "SAFETENSORS_HEADER_TOO_LARGE"},
    {kHeaderPastEnd, "HEADER_PAST_END", "SAFETENSORS_TOO_SHORT"},
    {kNotUtf8, "NOT_UTF8", "SAFETENSORS_SYNTAX"},
    {kNotAnObject, "NOT_AN_OBJECT", "SAFETENSORS_SYNTAX"},
    {kSyntax, "SYNTAX", "SAFETENSORS_SYNTAX"},
    {kBadPadding, "BAD_PADDING", "SAFETENSORS_PADDING"},
    {kDuplicateKey, "DUPLICATE_KEY", "SAFETENSORS_DUPLICATE_KEY"},
    {kUnknownField, "UNKNOWN_FIELD", "SAFETENSORS_FIELDS"},
    {kMissingField, "MISSING_FIELD", "SAFETENSORS_FIELDS"},
    {kUnknownDtype, "UNKNOWN_DTYPE", "SAFETENSORS_DTYPE_UNKNOWN"},
    {kBadInteger, "BAD_INTEGER", "SAFETENSORS_INTEGER"},
    {kTooManyDimensions, "TOO_MANY_DIMENSIONS", "SAFETENSORS_RANK"},
    {kBadOffsets, "BAD_OFFSETS", "SAFETENSORS_FIELDS"},
    {kNotContiguous, "NOT_CONTIGUOUS", "SAFETENSORS_OFFSETS"},
    {kSizeOverflow, "SIZE_OVERFLOW", "SAFETENSORS_SHAPE"},
    {kPartialByte, "PARTIAL_BYTE", "SAFETENSORS_SHAPE"},
    {kSizeMismatch, "SIZE_MISMATCH", "SAFETENSORS_SHAPE"},
    {kDataSizeMismatch, "DATA_SIZE_MISMATCH", "SAFETENSORS_DATA_SIZE"},
    {kMetadataTooLarge, "METADATA_TOO_LARGE", "SAFETENSORS_METADATA"},
    {kNameTooLong, "NAME_TOO_LONG", "SAFETENSORS_NAME"},
    {kUploadDtype, "UPLOAD_DTYPE", "SAFETENSORS_UPLOAD_DTYPE"},
    {kUploadName, "UPLOAD_NAME", "SAFETENSORS_NAME"},
    {kUploadAlignment, "UPLOAD_ALIGNMENT", "SAFETENSORS_UPLOAD_ALIGNMENT"},
    {kUploadEmptyTensor, "UPLOAD_EMPTY_TENSOR", "SAFETENSORS_UPLOAD_EMPTY"},
    {kUploadNoTensors, "UPLOAD_NO_TENSORS", "SAFETENSORS_UPLOAD_EMPTY"},
}};

const DefectText& TextOf(SafetensorsDefect defect) {
  const DefectText& text = kDefects[static_cast<size_t>(defect)];
  KALAVAI_CHECK(text.defect == defect, "the table must be in the order of the enumeration");
  return text;
}

}  // namespace

absl::string_view DefectName(SafetensorsDefect defect) { return TextOf(defect).name; }

absl::string_view DefectReason(SafetensorsDefect defect) { return TextOf(defect).reason; }

absl::Status SafetensorsError(SafetensorsDefect defect, const SafetensorsPlace& place,
                              absl::string_view found, absl::string_view allowed) {
  ErrorText text;
  std::string where;
  if (!place.tensor.empty()) where = absl::StrCat("tensor '", Printable(place.tensor), "'");
  if (place.offset.has_value()) {
    absl::StrAppend(&where, where.empty() ? "" : ", ", "header byte ", *place.offset);
    text.metadata["offset"] = absl::StrCat(*place.offset);
  }
  text.what = absl::StrCat(where, where.empty() ? "" : ": ", found, " found; must ", allowed);
  text.why = "a file with two readings, or that points outside itself, cannot be loaded safely";
  text.fix = "write the file again with a current safetensors library";
  text.metadata["defect"] = std::string(DefectName(defect));
  text.metadata["found"] = std::string(found);
  text.metadata["allowed"] = std::string(allowed);
  if (!place.tensor.empty()) text.metadata["tensor"] = Printable(place.tensor);
  return MakeError(absl::StatusCode::kInvalidArgument, DefectReason(defect), std::move(text));
}

bool IsSafetensorsError(const absl::Status& status) {
  return absl::StartsWith(GetErrorReason(status), "SAFETENSORS_");
}

std::string Printable(absl::string_view foreign) {
  return absl::CHexEscape(foreign.substr(0, kPrintableMax));
}

}  // namespace kalavai
