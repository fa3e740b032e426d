#include "common/cli/usage_mistake.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "CLI/CLI.hpp"
#include "common/cli/command_tree.h"
#include "common/cli/nearest.h"
#include "common/cli/program.h"

namespace kalavai {
namespace {

std::vector<std::string> KnownWords(const CLI::App& app, bool flags) {
  const CommandNode node = CommandTree(app).front();
  if (!flags) return node.commands;
  std::vector<std::string> words;
  for (const FlagNode& flag : node.flags) words.push_back(flag.name);
  return words;
}

absl::Status UnknownWord(const CLI::App& root, const std::string& word) {
  const CLI::App& place = DeepestParsed(root);
  const bool is_flag = absl::StartsWith(word, "-");
  const std::string path = CommandPath(place);
  const std::string name = std::vector<std::string>(absl::StrSplit(word, '='))[0];
  const std::vector<std::string> root_flags = KnownWords(root, true);
  if (is_flag && &place != &root &&
      std::find(root_flags.begin(), root_flags.end(), name) != root_flags.end()) {
    return UsageError(absl::StrCat("'", word, "' is not a flag of '", path, "'"),
                      absl::StrCat("put it before the command: ", root.get_name(), " ", name, " … ",
                                   path.substr(root.get_name().size() + 1)));
  }
  const bool group = !is_flag && !KnownWords(place, false).empty();
  return UsageError(absl::StrCat("'", word, "' is not ",
                                 is_flag ? "a flag"
                                 : group ? "a command"
                                         : "an argument",
                                 " of '", path, "'"),
                    DidYouMean(name, KnownWords(place, is_flag), path));
}

// Where a value came from, when not from the command line.
std::string Origin(const std::string& flag, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == flag || absl::StartsWith(argument, absl::StrCat(flag, "="))) return "";
  }
  const std::string name = EnvironmentName(absl::StripPrefix(flag, "--"));
  const char* value = getenv(name.c_str());
  return value == nullptr || *value == '\0' ? "" : absl::StrCat(" (from ", name, ")");
}

// CLI11 says "--as: uplaod not in {format,upload}".
absl::Status WrongValue(const CLI::App& place, const std::string& message,
                        const std::vector<std::string>& arguments) {
  const std::string path = CommandPath(place);
  const size_t colon = message.find(": ");
  const size_t list = message.rfind(" not in {");
  if (colon == std::string::npos || list == std::string::npos || message.back() != '}' ||
      list < colon) {
    return UsageError(colon == std::string::npos
                          ? message
                          : absl::StrCat(message, Origin(message.substr(0, colon), arguments)),
                      DidYouMean("", {}, path));
  }
  const std::string flag = message.substr(0, colon);
  const std::string value = message.substr(colon + 2, list - colon - 2);
  const std::vector<std::string> allowed =
      absl::StrSplit(message.substr(list + 9, message.size() - list - 10), ',');
  return UsageError(
      absl::StrCat("'", value, "' is not a value of '", flag, "'", Origin(flag, arguments),
                   "; must be one of ", absl::StrJoin(allowed, ", ")),
      DidYouMean(value, allowed, path));
}

}  // namespace

const CLI::App& DeepestParsed(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : DeepestParsed(*parsed.front());
}

std::string DidYouMean(absl::string_view word, const std::vector<std::string>& known,
                       absl::string_view command) {
  const std::string nearest = word.empty() ? "" : NearestWord(word, known);
  return nearest.empty() ? absl::StrCat("see '", command, " --help'")
                         : absl::StrCat("did you mean '", nearest, "'? See '", command, " --help'");
}

std::string EnvironmentName(absl::string_view long_name) {
  return absl::StrCat("KALAVAI_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(long_name, {{"-", "_"}})));
}

absl::Status UsageMistake(const CLI::App& root, const CLI::ParseError& error,
                          const std::vector<std::string>& arguments) {
  // A mistyped flag explains a missing one, so what was not understood comes first.
  const std::vector<std::string> extras = root.remaining(/*recurse=*/true);
  const bool value_error = dynamic_cast<const CLI::ValidationError*>(&error) != nullptr ||
                           dynamic_cast<const CLI::ConversionError*>(&error) != nullptr;
  if (!extras.empty() && !value_error) {
    const auto flag = std::find_if(extras.begin(), extras.end(), [](const std::string& word) {
      return word.size() > 1 && word[0] == '-' && word != "--";
    });
    return UnknownWord(root, flag == extras.end() ? extras.front() : *flag);
  }
  return WrongValue(DeepestParsed(root), error.what(), arguments);
}

absl::Status MissingCommand(const CLI::App& place) {
  const std::string path = CommandPath(place);
  return UsageError(
      absl::StrCat("'", path, "' needs a command: ", absl::StrJoin(KnownWords(place, false), ", ")),
      DidYouMean("", {}, path));
}

}  // namespace kalavai
