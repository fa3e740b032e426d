#include "common/cli/program.h"

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include <signal.h>
#include <unistd.h>

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/version.h"
#include "common/cli/exit_code.h"
#include "common/cli/nearest.h"

namespace kalavai {
namespace {

struct GlobalFlags {
  std::string format = "human";
  std::string color = "auto";
};

extern "C" void HandleSignal(int) {
  if (Interrupted()) _exit(static_cast<int>(ExitCode::kInterrupted));
  SetInterrupted(true);
}

void InstallSignalHandlers() {
  struct sigaction action = {};
  action.sa_handler = HandleSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// Finds or makes the nested subcommand for "coop probe add".
CLI::App* Subcommand(CLI::App& root, const std::string& name, const Program& program) {
  CLI::App* app = &root;
  std::vector<std::string> path;
  for (const auto word : absl::StrSplit(name, ' ')) {
    path.emplace_back(word);
    const auto known = app->get_subcommands(
        [&path](const CLI::App* candidate) { return candidate->get_name() == path.back(); });
    CLI::App* next = known.empty() ? nullptr : known.front();
    if (next == nullptr) {
      std::string summary;
      for (const auto& [group, text] : program.groups) {
        if (group == absl::StrJoin(path, " ")) summary = text;
      }
      next = app->add_subcommand(path.back(), summary);
    }
    app = next;
  }
  return app;
}

std::string EnvironmentName(const std::string& long_name) {
  return absl::StrCat("KALAVAI_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(long_name, {{"-", "_"}})));
}

void NameEnvironment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option == app.get_help_ptr()) continue;
    if (option == app.get_config_ptr() || option == app.get_version_ptr()) continue;
    option->envname(EnvironmentName(option->get_lnames()[0]));
  }
}

// CLI11 lets the file win over the environment; this reader leaves out what the environment sets.
class EnvironmentFirst final : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> entries = CLI::ConfigTOML::from_config(input);
    std::erase_if(entries, [](const CLI::ConfigItem& item) {
      return getenv(EnvironmentName(item.name).c_str()) != nullptr;
    });
    return entries;
  }
};

void AddGlobalFlags(CLI::App& app, GlobalFlags& flags) {
  app.add_option("--format", flags.format, "how the result is printed: human or json")
      ->check(CLI::IsMember({"human", "json"}));
  app.add_option("--color", flags.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

// The words this place knows: subcommands, and long options of the deepest parsed command and the
// root.
std::vector<std::string> KnownWords(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back(subcommand->get_name());
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back(absl::StrCat("--", name));
  }
  return words;
}

const CLI::App& DeepestParsed(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : DeepestParsed(*parsed.front());
}

std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr
             ? app.get_name()
             : absl::StrCat(FullName(*app.get_parent()), " ", app.get_name());
}

absl::Status ParseFailure(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& place = DeepestParsed(root);
  std::string what = error.what();
  std::string nearest;
  // CLI11 matches options of a command only after its name, so what is left over is what was not
  // understood.
  const std::vector<std::string> extras = root.remaining(/*recurse=*/true);
  if (!extras.empty() && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const bool is_flag = absl::string_view(extras.front()).substr(0, 1) == "-";
    what =
        absl::StrCat("'", extras.front(), "' is not ", is_flag ? "a flag" : "a command or argument",
                     " of '", FullName(place), "'");
    nearest = NearestWord(std::vector<std::string>(absl::StrSplit(extras.front(), '='))[0],
                          KnownWords(place));
  }
  return UsageError(what, nearest.empty() ? absl::StrCat("see '", FullName(place), " --help'")
                                          : absl::StrCat("did you mean '", nearest, "'? See '",
                                                         FullName(place), " --help'"));
}

bool UseColor(const GlobalFlags& flags) {
  if (flags.color != "auto") return flags.color == "always";
  return isatty(STDERR_FILENO) != 0;
}

// Before parsing has succeeded, --format may still decide how the parse error looks.
bool WantsJson(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    if (absl::string_view(argv[i]) == "--format=json") return true;
    if (absl::string_view(argv[i]) == "--format" && i + 1 < argc &&
        absl::string_view(argv[i + 1]) == "json")
      return true;
  }
  return false;
}

int RunParsed(const std::map<const CLI::App*, const Command*>& by_app, CLI::App& root,
              Console& console) {
  const CLI::App& place = DeepestParsed(root);
  const auto found = by_app.find(&place);
  if (found == by_app.end()) {  // no command, or a group without its second word
    std::cerr << place.help();
    return static_cast<int>(ExitCode::kUsage);
  }
  const absl::Status status = found->second->run(console);
  if (!status.ok()) console.Error(status);
  return static_cast<int>(ExitCodeOf(status));
}

}  // namespace

absl::Status UsageError(std::string what, std::string fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "USAGE",
                   {.what = std::move(what), .fix = std::move(fix)});
}

int RunProgram(const Program& program, const std::vector<Command>& commands, int argc,
               const char* const* argv) {
  InstallSignalHandlers();
  GlobalFlags flags;
  CLI::App root(program.summary, program.name);
  root.set_version_flag("--version", absl::StrCat(program.name, " ", Version(),
                                                  Commit().empty() ? "" : " ", Commit()));
  root.set_config("--config", "", "TOML file with flags, under [command]");
  root.config_formatter(std::make_shared<EnvironmentFirst>());
  root.footer(program.details);
  AddGlobalFlags(root, flags);
  std::map<const CLI::App*, const Command*> by_app;
  for (const Command& command : commands) {
    CLI::App* app = Subcommand(root, command.name, program);
    app->description(command.summary);
    if (!command.details.empty()) app->footer(command.details);
    if (command.configure) command.configure(*app);
    AddGlobalFlags(*app, flags);
    NameEnvironment(*app);
    by_app[app] = &command;
  }
  NameEnvironment(root);
  const bool error_is_terminal = isatty(STDERR_FILENO) != 0;
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return root.exit(success);  // --help and --version print to standard output
  } catch (const CLI::ParseError& error) {
    Console console(WantsJson(argc, argv) ? OutputFormat::kJson : OutputFormat::kHuman,
                    UseColor(flags), error_is_terminal, std::cout, std::cerr);
    console.Error(ParseFailure(root, error));
    return static_cast<int>(ExitCode::kUsage);
  }
  Console console(flags.format == "json" ? OutputFormat::kJson : OutputFormat::kHuman,
                  UseColor(flags), error_is_terminal, std::cout, std::cerr);
  return RunParsed(by_app, root, console);
}

}  // namespace kalavai
