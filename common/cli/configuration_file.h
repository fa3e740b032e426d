// The file of --config: flags in TOML, under [command] or [command.subcommand], as CLI11 reads it,
// checked first line by line, because CLI11 passes over what it does not understand.
//
//   format = "json"
//   [checkpoint.inspect]
//   as = "upload"
//
// What the environment sets is left out: file < environment < flag. Part of program.h.
#ifndef KALAVAI_COMMON_CLI_CONFIGURATION_FILE_H_
#define KALAVAI_COMMON_CLI_CONFIGURATION_FILE_H_

#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "CLI/CLI.hpp"

namespace kalavai {

// OK, or INVALID_ARGUMENT USAGE with `path` and the line: a line of no known form, an unknown
// command or flag (with the nearest one), a flag twice, a value its flag does not take.
absl::Status CheckConfiguration(const CLI::App& root, absl::string_view path,
                                absl::string_view text);

class ConfigurationFile final : public CLI::ConfigTOML {
 public:
  // `root` must outlive this object. After CLI11 threw a ConfigError, *problem says why.
  ConfigurationFile(const CLI::App& root, absl::Status* problem) : root_(root), problem_(problem) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

 private:
  const CLI::App& root_;
  absl::Status* const problem_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_CONFIGURATION_FILE_H_
