#include "common/cli/version_command.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "common/base/version.h"

namespace kalavai {

void PrintVersion(const Program& program, Console& console) {
  nlohmann::json libraries = nlohmann::json::object();
  std::string text =
      absl::StrCat(program.name, " ", Version(), Commit().empty() ? "" : " ", Commit(), "\n");
  for (const auto& [name, version] : program.libraries) {
    libraries[name] = version;
    absl::StrAppend(&text, "  ", name, " ", version, "\n");
  }
  console.Result({{"program", program.name},
                  {"version", std::string(Version())},
                  {"commit", std::string(Commit())},
                  {"libraries", std::move(libraries)}},
                 text);
}

Command MakeVersionCommand(const Program& program) {
  return {.name = "version",
          .summary = "print the version, the commit and the libraries in use",
          .details = absl::StrCat("  ", program.name, " version --format json\n"),
          .configure = nullptr,
          .run = [&program](Console& console) {
            PrintVersion(program, console);
            return absl::OkStatus();
          }};
}

}  // namespace kalavai
