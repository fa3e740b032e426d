#include "common/cli/configuration_file.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <set>
#include <sstream>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "common/base/status_macros.h"
#include "common/cli/command_tree.h"
#include "common/cli/program.h"
#include "common/cli/usage_mistake.h"

namespace kalavai {
namespace {

class Checker {
 public:
  Checker(const CLI::App& root, absl::string_view path)
      : tree_(CommandTree(root)), path_(path), section_(&tree_.front()) {}

  absl::Status Check(absl::string_view text) {
    for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
      ++line_;
      const absl::string_view line = absl::StripAsciiWhitespace(raw);
      if (in_array_) {
        in_array_ = !absl::EndsWith(line, "]");
        continue;
      }
      if (line.empty() || line[0] == '#' || line[0] == ';') continue;
      if (line[0] == '[') {
        RETURN_IF_ERROR(Section(line));
      } else {
        RETURN_IF_ERROR(Entry(line));
      }
    }
    if (in_array_) return Wrong("a list is not closed; must end with ']'", "add the bracket");
    return absl::OkStatus();
  }

 private:
  absl::Status Wrong(const std::string& what, const std::string& fix) const {
    return UsageError(absl::StrCat(path_, ":", line_, ": ", what), fix);
  }

  absl::Status Section(absl::string_view line) {
    const std::string form = "write [command] or [command.subcommand]";
    const size_t close = line.find(']');
    if (close == absl::string_view::npos) return Wrong("a section is not closed", form);
    const absl::string_view rest = absl::StripAsciiWhitespace(line.substr(close + 1));
    if (!rest.empty()) return Wrong("text after a section's ']'", form);
    const std::string name(absl::StripAsciiWhitespace(line.substr(1, close - 1)));
    if (!sections_.insert(name).second) {
      return Wrong(absl::StrCat("section [", name, "] a second time"), "join the two");
    }
    const std::string& program = tree_.front().path;
    std::vector<std::string> known;
    for (const CommandNode& node : tree_) {
      if (node.path == program) continue;
      known.push_back(node.path.substr(program.size() + 1));
      std::replace(known.back().begin(), known.back().end(), ' ', '.');
      if (known.back() == name) {
        section_ = &node;
        return absl::OkStatus();
      }
    }
    return Wrong(absl::StrCat("[", absl::CHexEscape(name), "] is not a command of '", program, "'"),
                 DidYouMean(name, known, program));
  }

  absl::Status Entry(absl::string_view line) {
    const size_t equals = line.find('=');
    if (equals == absl::string_view::npos) {
      return Wrong(absl::StrCat("'", absl::CHexEscape(line.substr(0, 80)), "' is no entry"),
                   "write flag = value, [command] or # comment");
    }
    const std::string key(absl::StripAsciiWhitespace(line.substr(0, equals)));
    std::vector<std::string> known;
    for (const FlagNode& flag : section_->flags) {
      const std::string name = flag.name.substr(2);
      if (name == "help" || name == "config" || name == "version") continue;
      // Of a command these two are read at the top of the file only.
      if (section_ != &tree_.front() && (name == "format" || name == "color")) continue;
      known.push_back(name);
      if (name == key) return Value(flag, line.substr(equals + 1));
    }
    return Wrong(
        absl::StrCat("'", absl::CHexEscape(key), "' is not a flag of '", section_->path, "'"),
        DidYouMean(key, known, section_->path));
  }

  absl::Status Value(const FlagNode& flag, absl::string_view text) {
    if (!seen_.insert(absl::StrCat(section_->path, flag.name)).second) {
      return Wrong(absl::StrCat("'", flag.name.substr(2), "' a second time"), "keep one of them");
    }
    absl::string_view value = absl::StripAsciiWhitespace(text);
    if (value.empty() || value[0] == '#') {
      return Wrong(absl::StrCat("'", flag.name.substr(2), "' has no value"),
                   "write flag = value, or leave the line out");
    }
    if (value[0] == '[') {
      in_array_ = !absl::StrContains(value, "]");
      return absl::OkStatus();
    }
    if (value[0] == '"' || value[0] == '\'') {
      const size_t close = value.find(value[0], 1);
      if (close == absl::string_view::npos) {
        return Wrong(absl::StrCat("the value of '", flag.name.substr(2), "' has no closing quote"),
                     "add the quote");
      }
      if (absl::StrContains(value.substr(0, close), '#')) {
        return Wrong("'#' in a value: CLI11 would cut it off", "give this flag another way");
      }
      value = value.substr(1, close - 1);
    } else {
      value = absl::StripAsciiWhitespace(value.substr(0, value.find('#')));
    }
    if (flag.values.empty() || absl::c_linear_search(flag.values, value)) return absl::OkStatus();
    return Wrong(
        absl::StrCat("'", absl::CHexEscape(value), "' is not a value of '", flag.name.substr(2),
                     "'; must be one of ", absl::StrJoin(flag.values, ", ")),
        DidYouMean(value, flag.values, section_->path));
  }

  const std::vector<CommandNode> tree_;
  const std::string path_;
  const CommandNode* section_;
  int64_t line_ = 0;
  bool in_array_ = false;
  std::set<std::string> sections_;
  std::set<std::string> seen_;
};

}  // namespace

absl::Status CheckConfiguration(const CLI::App& root, absl::string_view path,
                                absl::string_view text) {
  return Checker(root, path).Check(text);
}

std::vector<CLI::ConfigItem> ConfigurationFile::from_config(std::istream& input) const {
  const std::string text(std::istreambuf_iterator<char>(input), {});
  *problem_ = CheckConfiguration(root_, root_.get_config_ptr()->as<std::string>(), text);
  if (!problem_->ok()) {
    throw CLI::ConfigError(std::string(problem_->message()), CLI::ExitCodes::ConfigError);
  }
  std::istringstream again(text);
  std::vector<CLI::ConfigItem> entries = CLI::ConfigTOML::from_config(again);
  std::erase_if(entries, [](const CLI::ConfigItem& item) {
    const char* value = getenv(EnvironmentName(item.name).c_str());
    return value != nullptr && *value != '\0';
  });
  return entries;
}

}  // namespace kalavai
