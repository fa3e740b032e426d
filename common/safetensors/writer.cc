#include "common/safetensors/writer.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

constexpr size_t kHeaderAlignment = 8;

// nlohmann escapes as serde_json does: the two JSON must-escapes and control characters only.
std::string Quoted(const std::string& text) { return nlohmann::json(text).dump(); }

}  // namespace

absl::StatusOr<std::string> BuildSafetensorsHeader(std::vector<TensorView>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorView& a, const TensorView& b) {
    return std::tie(b.dtype, a.name) < std::tie(a.dtype, b.name);
  });
  std::string json = R"({"__metadata__":{"format":"pt"})";
  int64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    RETURN_IF_ERROR(Annotate(CheckUtf8(tensor.name), "tensor name"));
    const int64_t end = offset + static_cast<int64_t>(tensor.bytes.size());
    absl::StrAppend(&json, ",", Quoted(tensor.name), R"(:{"dtype":")", DtypeName(tensor.dtype),
                    R"(","shape":[)", absl::StrJoin(tensor.shape, ","), R"(],"data_offsets":[)",
                    offset, ",", end, "]}");
    offset = end;
  }
  json.push_back('}');
  json.append((kHeaderAlignment - json.size() % kHeaderAlignment) % kHeaderAlignment, ' ');

  std::string prefix;
  for (size_t i = 0; i < SafetensorsHeader::kPrefixBytes; ++i) {
    prefix.push_back(static_cast<char>((json.size() >> (8 * i)) & 0xFFU));
  }
  // What we write we must be able to read: one place knows the rules.
  const int64_t header_size = static_cast<int64_t>(prefix.size() + json.size());
  RETURN_IF_ERROR(
      SafetensorsHeader::Length(prefix, header_size + offset, SafetensorsMode::kFormat).status());
  RETURN_IF_ERROR(SafetensorsHeader::Parse(json, offset, SafetensorsMode::kFormat).status());
  return prefix + json;
}

absl::Status WriteSafetensors(const std::string& path, std::vector<TensorView> tensors) {
  ASSIGN_OR_RETURN(const std::string header, BuildSafetensorsHeader(tensors));
  std::vector<absl::string_view> pieces = {header};
  pieces.reserve(tensors.size() + 1);
  for (const TensorView& tensor : tensors) {
    pieces.emplace_back(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  return WritePiecesAtomically(path, pieces);
}

}  // namespace kalavai
