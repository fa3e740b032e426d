#include "common/model/device.h"

#include <string>

#include "absl/strings/str_cat.h"
#include <dlfcn.h>
#include <link.h>

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/torch.h"

namespace kalavai {
namespace {

absl::Status Unavailable(absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DEVICE_UNAVAILABLE",
                   {.what = absl::StrCat("device cuda: ", what),
                    .why = "its kernels are in libraries that are loaded only when asked for",
                    .fix = "deploy/install_dependencies.sh --with-cuda, and a machine with an "
                           "NVIDIA GPU and driver; or --device cpu",
                    .metadata = {{"device", "cuda"}}});
}

std::string LastLoadError() {
  const char* const error = dlerror();
  return error == nullptr ? "the library does not load" : error;
}

// The folder of the LibTorch that runs, with a slash: a library of another version must not load.
absl::StatusOr<std::string> TorchFolder() {
  void* const cpu = dlopen("libtorch_cpu.so", RTLD_NOW | RTLD_NOLOAD);
  if (cpu == nullptr) return Unavailable(LastLoadError());
  const link_map* map = nullptr;
  const bool found = dlinfo(cpu, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr;
  const std::string path = found ? map->l_name : "";
  dlclose(cpu);  // only our reference: the program is linked with it
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return Unavailable("the folder of libtorch_cpu.so is not known");
  return path.substr(0, slash + 1);
}

// Never closed: the kernels it registers are used until the program ends.
absl::Status LoadCudaLibraries() {
  ASSIGN_OR_RETURN(const std::string folder, TorchFolder());
  const std::string path = absl::StrCat(folder, "libtorch_cuda.so");
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) return Unavailable(LastLoadError());
  return absl::OkStatus();
}

}  // namespace

absl::string_view NameOf(Device device) { return device == Device::kCpu ? "cpu" : "cuda"; }

absl::StatusOr<Device> OpenDevice(absl::string_view name) {
  if (name == NameOf(Device::kCpu)) return Device::kCpu;
  if (name != NameOf(Device::kCuda)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                     {.what = absl::StrCat("device: '", name, "' found; must be 'cpu' or 'cuda'"),
                      .fix = "use --device cpu",
                      .metadata = {{"field", "device"}, {"actual", std::string(name)}}});
  }
  return CatchTorch("open device", []() -> absl::StatusOr<Device> {
    RETURN_IF_ERROR(LoadCudaLibraries());
    if (!at::hasCUDA() || at::getNumGPUs() == 0) return Unavailable("no CUDA device found");
    return Device::kCuda;
  });
}

}  // namespace kalavai
