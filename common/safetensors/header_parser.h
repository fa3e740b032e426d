// The grammar of a safetensors header, without its arithmetic: part of header.cc, which is the one
// caller and the place to read what is accepted.
#ifndef KALAVAI_COMMON_SAFETENSORS_HEADER_PARSER_H_
#define KALAVAI_COMMON_SAFETENSORS_HEADER_PARSER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/safetensors/header.h"

namespace kalavai {

// What the text says, nothing of it checked against anything else. The views of the tensors point
// into the two arenas, which keep their place when this is moved.
struct UncheckedHeader {
  std::unique_ptr<char[]> names;
  std::vector<uint64_t> dimensions;
  std::vector<TensorInfo> tensors;  // in the order of the text
  std::map<std::string, std::string> metadata;
};

// `text` must be UTF-8 and shorter than 4 GiB. Errors: the defects of syntax.
absl::StatusOr<UncheckedHeader> ParseHeaderText(absl::string_view text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_HEADER_PARSER_H_
