#include "coordinator/router_safetensors.h"

#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/router/router_file.h"
#include "common/safetensors/reader.h"
#include "common/safetensors/writer.h"

namespace kalavai::coordinator {

absl::Status WriteRouter(const std::string& path, const RouterParameters& router) {
  RETURN_IF_ERROR(ValidateRouter(router));
  const std::vector<NamedArray> arrays = RouterToTensors(router);
  std::vector<TensorView> tensors;
  for (const NamedArray& array : arrays) {
    tensors.push_back({.name = array.name,
                       .dtype = Dtype::kF64,
                       .shape = array.shape,
                       .bytes = std::as_bytes(std::span<const double>(array.values))});
  }
  return WriteSafetensors(path, std::move(tensors));
}

absl::StatusOr<RouterParameters> ReadRouter(const std::string& path) {
  ASSIGN_OR_RETURN(const SafetensorsFile file,
                   SafetensorsFile::Open(path, SafetensorsMode::kFormat));
  std::vector<NamedArray> arrays;
  for (const TensorInfo& tensor : file.header().tensors()) {
    if (tensor.dtype != Dtype::kF64) {
      return MakeError(absl::StatusCode::kInvalidArgument, "ROUTER_INVALID",
                       {.what = absl::StrCat(path, ": tensor ", tensor.name, " is ",
                                             DtypeName(tensor.dtype), "; must be F64")});
    }
    const std::span<const std::byte> bytes = file.Bytes(tensor);
    NamedArray array{
        .name = std::string(tensor.name), .shape = tensor.shape.Signed(), .values = {}};
    array.values.resize(bytes.size() / sizeof(double));
    if (!bytes.empty()) std::memcpy(array.values.data(), bytes.data(), bytes.size());
    arrays.push_back(std::move(array));
  }
  return RouterFromTensors(arrays);
}

}  // namespace kalavai::coordinator
