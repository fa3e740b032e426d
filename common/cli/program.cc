#include "common/cli/program.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/cli/command_tree.h"
#include "common/cli/completion_command.h"
#include "common/cli/configuration_file.h"
#include "common/cli/exit_code.h"
#include "common/cli/explain_command.h"
#include "common/cli/usage_mistake.h"
#include "common/cli/version_command.h"

namespace kalavai {
namespace {

struct GlobalFlags {
  std::string format;
  std::string color;
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
      next->footer("");  // else it takes its parent's
    }
    app = next;
  }
  return app;
}

// --format and --color are the program's: they have a variable at the root, and the flag nearest to
// the end of the command line decides.
bool IsGlobal(const CLI::App& app, const std::string& name) {
  return app.get_parent() != nullptr && (name == "format" || name == "color");
}

// Environment variables of a command's flags: named when the command is typed, because CLI11 would
// also read and check those of the others, where the same name may have other bounds.
void NameEnvironment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option == app.get_help_ptr()) continue;
    if (option == app.get_config_ptr() || option == app.get_version_ptr()) continue;
    const std::string& name = option->get_lnames()[0];
    if (!IsGlobal(app, name)) option->envname(EnvironmentName(name));
  }
}

// "--seed=" as "--seed" and an empty word: CLI11 takes the next word for the value.
std::vector<std::string> WithEmptyValues(const std::vector<std::string>& words,
                                         const CLI::App& root) {
  std::set<std::string> valued;
  for (const CommandNode& node : CommandTree(root)) {
    for (const FlagNode& flag : node.flags) {
      if (flag.takes_value) valued.insert(flag.name);
    }
  }
  std::vector<std::string> result;
  bool is_value = false;
  bool open = true;  // no "--" yet, after which words are no flags
  for (const std::string& word : words) {
    open = open && (is_value || word != "--");
    const std::string name(absl::StripSuffix(word, "="));
    const bool split = open && !is_value && name != word && valued.contains(name);
    result.push_back(split ? name : word);
    if (split) result.emplace_back();
    is_value = !is_value && valued.contains(word);
  }
  return result;
}

void AddGlobalFlags(CLI::App& app, std::list<GlobalFlags>& storage) {
  GlobalFlags& flags = storage.emplace_back();
  app.add_option("--format", flags.format, "how the result is printed: human or json")
      ->check(CLI::IsMember({"human", "json"}));
  app.add_option("--color", flags.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

// The value of a global flag on the path of parsed commands, the last one first.
std::string GlobalValue(const CLI::App& root, const char* name) {
  for (const CLI::App* app = &DeepestParsed(root); app != nullptr; app = app->get_parent()) {
    const CLI::Option* option = app->get_option_no_throw(name);
    if (option != nullptr && option->count() > 0) return option->as<std::string>();
  }
  return "";
}

bool UseColor(const std::string& color) {
  if (color == "always" || color == "never") return color == "always";
  const char* no_color = getenv("NO_COLOR");  // no-color.org: set and not empty
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* terminal = getenv("TERM");
  if (terminal != nullptr && absl::string_view(terminal) == "dumb") return false;
  return isatty(STDERR_FILENO) != 0;
}

// Before parsing has succeeded, --format and --color may still decide how the parse error looks.
std::string WantedValue(const std::vector<std::string>& arguments, const std::string& flag) {
  const char* environment = getenv(EnvironmentName(flag.substr(2)).c_str());
  std::string value = environment == nullptr ? "" : environment;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (absl::StartsWith(arguments[i], flag + "=")) value = arguments[i].substr(flag.size() + 1);
    if (arguments[i] == flag && i + 1 < arguments.size()) value = arguments[i + 1];
  }
  return value;
}

Console MakeConsole(const std::string& format, const std::string& color) {
  return Console(format == "json" ? OutputFormat::kJson : OutputFormat::kHuman, UseColor(color),
                 isatty(STDERR_FILENO) != 0, std::cout, std::cerr);
}

// A closed standard descriptor would be taken by the next file that is opened, and then written to.
void ReserveStandardDescriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // Read-only for standard output: a result that nobody can read is an error.
    if (open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

int Finish(absl::Status status, Console& console) {
  if (status.ok()) status = console.OutputError();
  if (!status.ok()) console.Error(status);
  return static_cast<int>(ExitCodeOf(status));
}

int RunParsed(const std::map<const CLI::App*, const Command*>& by_app, const CLI::App& root,
              Console& console) {
  const CLI::App& place = DeepestParsed(root);
  const auto found = by_app.find(&place);
  if (found != by_app.end()) return Finish(found->second->run(console), console);
  // No command, or a group without its second word.
  if (console.format() == OutputFormat::kHuman) std::cerr << place.help() << "\n";
  return Finish(MissingCommand(place), console);
}

void Register(const Program& program, const std::vector<Command>& commands, CLI::App& root,
              std::list<GlobalFlags>& storage, std::map<const CLI::App*, const Command*>& by_app) {
  AddGlobalFlags(root, storage);
  for (const Command& command : commands) {
    CLI::App* app = Subcommand(root, command.name, program);
    app->description(command.summary);
    if (!command.details.empty()) app->footer(command.details);
    if (command.configure) command.configure(*app);
    by_app[app] = &command;
  }
  std::vector<CLI::App*> all = {&root};
  for (size_t i = 0; i < all.size(); ++i) {
    for (CLI::App* child : all[i]->get_subcommands([](const CLI::App*) { return true; })) {
      AddGlobalFlags(*child, storage);
      for (const char* name : {"--format", "--color"}) child->get_option(name)->configurable(false);
      child->preparse_callback([child](size_t) { NameEnvironment(*child); });
      all.push_back(child);
    }
  }
  NameEnvironment(root);
}

}  // namespace

absl::Status UsageError(std::string what, std::string fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "USAGE",
                   {.what = std::move(what), .fix = std::move(fix)});
}

int RunProgram(const Program& program, const std::vector<Command>& commands, int argc,
               const char* const* argv) {
  ReserveStandardDescriptors();
  InstallSignalHandlers();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::list<GlobalFlags> storage;
  std::map<const CLI::App*, const Command*> by_app;
  absl::Status file_problem;
  CLI::App root(program.summary, program.name);
  root.set_version_flag("--version", "", "print what 'version' prints");
  root.set_config("--config", "", "TOML file with flags, under [command]");
  root.config_formatter(std::make_shared<ConfigurationFile>(root, &file_problem));
  root.footer(program.details);
  std::vector<Command> all = commands;
  all.push_back(MakeExplainCommand(program.name));
  all.push_back(MakeCompletionCommand(root));
  all.push_back(MakeVersionCommand(program));
  Register(program, all, root, storage, by_app);
  try {
    std::vector<std::string> words = WithEmptyValues(arguments, root);
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    root.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    Console console =
        MakeConsole(WantedValue(arguments, "--format"), WantedValue(arguments, "--color"));
    if (dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr) {
      PrintVersion(program, console);
      return Finish(absl::OkStatus(), console);
    }
    if (dynamic_cast<const CLI::Success*>(&error) != nullptr) {  // --help
      console.Text(root.help());
      return Finish(absl::OkStatus(), console);
    }
    return Finish(file_problem.ok() ? UsageMistake(root, error, arguments) : file_problem, console);
  }
  Console console = MakeConsole(GlobalValue(root, "--format"), GlobalValue(root, "--color"));
  return RunParsed(by_app, root, console);
}

}  // namespace kalavai
