// What is wrong with a command line, in words: the nearest known command, flag or value. Reason
// USAGE. Part of program.h.
#ifndef KALAVAI_COMMON_CLI_USAGE_MISTAKE_H_
#define KALAVAI_COMMON_CLI_USAGE_MISTAKE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace kalavai {

// Of what CLI11 threw while parsing `arguments` (without the program's name).
absl::Status UsageMistake(const CLI::App& root, const CLI::ParseError& error,
                          const std::vector<std::string>& arguments);

// A group without its second word, or no command at all.
absl::Status MissingCommand(const CLI::App& place);

// The command that was parsed, or the group or root where parsing ended.
const CLI::App& DeepestParsed(const CLI::App& app);

// "did you mean 'inspect'? See 'kalavai checkpoint --help'", or only the second half.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& known,
                       absl::string_view command);

// "KALAVAI_PRIVATE_KEY" for "private-key".
std::string EnvironmentName(absl::string_view long_name);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CLI_USAGE_MISTAKE_H_
