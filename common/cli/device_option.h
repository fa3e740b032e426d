// The option --device of every command that computes with a model.
//
//   AddDeviceOption(app, &flags.device);                            // configure
//   ASSIGN_OR_RETURN(const Device device, OpenDevice(flags.device));   // run
//
// Other values than cpu and cuda are refused by the parser. Threads: as CLI::App.
#ifndef KALAVAI_COMMON_CLI_DEVICE_OPTION_H_
#define KALAVAI_COMMON_CLI_DEVICE_OPTION_H_

#include <string>

#include "CLI/CLI.hpp"

namespace kalavai {

// *device is the default; it must outlive `app`.
void AddDeviceOption(CLI::App& app, std::string* device);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_DEVICE_OPTION_H_
