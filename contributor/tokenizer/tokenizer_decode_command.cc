#include "contributor/tokenizer/tokenizer_decode_command.h"

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "contributor/tokenizer/text_lines.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::string tokenizer;
  std::string file;
};

absl::Status Decode(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(flags.tokenizer));
  ASSIGN_OR_RETURN(const std::string input, ReadInput(flags.file));
  nlohmann::json texts = nlohmann::json::array();
  std::string printed;  // whole, so that a bad id leaves nothing half printed
  int64_t number = 0;
  for (const absl::string_view line : LinesOf(input)) {
    if (Interrupted()) return InterruptedError("run the same command again");
    ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                     ParseTokenIds(line, *tokenizer, NameOf(flags.file), ++number));
    ASSIGN_OR_RETURN(const std::string text, tokenizer->Decode(ids));
    printed += text;
    printed += '\n';
    if (console.format() == OutputFormat::kJson) texts.push_back(text);
  }
  if (console.format() == OutputFormat::kJson) {
    console.Result({{"lines", number}, {"texts", std::move(texts)}}, "");
  } else {
    console.Data(printed);
  }
  return absl::OkStatus();
}

}  // namespace

Command MakeTokenizerDecodeCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "tokenizer decode",
          .summary = "lines of token ids as lines of text",
          .details =
              "  kalavai tokenizer decode --tokenizer base/tokenizer.json ids.txt\n"
              "  kalavai tokenizer encode --tokenizer base story.txt |\n"
              "    kalavai tokenizer decode --tokenizer base -\n"
              "\n"
              "Ids are decimal numbers with blanks between. Special tokens are printed as they "
              "are\nspelled; bytes that are no UTF-8 become U+FFFD. A word that is no id of the "
              "tokenizer is\nrefused with its line and column, and nothing is printed.\n"
              "--format json: {\"lines\": N, \"texts\": [\"…\", …]}\n",
          .configure =
              [flags](CLI::App& app) {
                AddTokenizerOption(app, flags->tokenizer);
                app.add_option("file", flags->file, "lines of ids; - reads standard input")
                    ->type_name("FILE")
                    ->required();
              },
          .run = [flags](Console& console) { return Decode(*flags, console); }};
}

}  // namespace kalavai::contributor
