#include "common/cli/device_option.h"

namespace kalavai {

void AddDeviceOption(CLI::App& app, std::string* device) {
  app.add_option("--device", *device,
                 "where models compute (cuda: written, not tested: no GPU was at hand)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
}

}  // namespace kalavai
