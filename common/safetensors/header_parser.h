// The grammar of a safetensors header, without its arithmetic: part of header.cc, which is the one
// caller and the place to read what is accepted.
#ifndef KALAVAI_COMMON_SAFETENSORS_HEADER_PARSER_H_
#define KALAVAI_COMMON_SAFETENSORS_HEADER_PARSER_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/safetensors/header.h"

namespace kalavai {

// What the text says, nothing of it checked against anything else.
struct UncheckedHeader {
  std::vector<TensorInfo> tensors;  // in the order of the text
  std::map<std::string, std::string> metadata;
};

// `text` must be UTF-8. Errors: SAFETENSORS_INVALID with the defects of syntax.
absl::StatusOr<UncheckedHeader> ParseHeaderText(absl::string_view text);

// The one form of every SAFETENSORS_INVALID: `what` is put after the tensor's escaped name and
// before the offset, where given.
absl::Status SafetensorsError(SafetensorsDefect defect, std::string what,
                              absl::string_view tensor = "",
                              std::optional<size_t> offset = std::nullopt);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_HEADER_PARSER_H_
