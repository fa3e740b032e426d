#include "contributor/tokenizer/tokenizer_encode_command.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "contributor/tokenizer/text_lines.h"

namespace kalavai::contributor {
namespace {

constexpr size_t kPrintedAtOnce = 1 << 20;

struct Flags {
  std::string tokenizer;
  std::string file;
};

absl::Status Encode(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(flags.tokenizer));
  ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file));
  RETURN_IF_ERROR(CheckText(text, NameOf(flags.file)));  // so that nothing is half printed
  const bool json = console.format() == OutputFormat::kJson;
  nlohmann::json lists = nlohmann::json::array();
  std::string printed;
  int64_t tokens = 0;
  for (const absl::string_view line : LinesOf(text)) {
    if (Interrupted()) return InterruptedError("run the same command again");
    ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer->Encode(line));
    tokens += static_cast<int64_t>(ids.size());
    if (json) {
      lists.push_back(ids);
      continue;
    }
    for (size_t i = 0; i < ids.size(); ++i) absl::StrAppend(&printed, i == 0 ? "" : " ", ids[i]);
    printed += '\n';
    if (printed.size() < kPrintedAtOnce) continue;
    console.Data(printed);
    printed.clear();
  }
  if (json) {
    console.Result({{"lines", lists.size()}, {"tokens", tokens}, {"ids", std::move(lists)}}, "");
  } else {
    console.Data(printed);
  }
  return absl::OkStatus();
}

}  // namespace

Command MakeTokenizerEncodeCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "tokenizer encode",
          .summary = "a text as token ids: one line of ids for each line",
          .details =
              "  kalavai tokenizer encode --tokenizer base/tokenizer.json story.txt\n"
              "  echo 'Bore da' | kalavai tokenizer encode --tokenizer base -\n"
              "\n"
              "Only LF ends a line; it gets no id. An empty line gives an empty line. Special "
              "tokens are\nrecognised where they stand in the text; none is added. The whole text "
              "is checked first:\none that is not UTF-8 is refused with its byte offset, and "
              "nothing is printed.\n"
              "--format json: {\"lines\": N, \"tokens\": N, \"ids\": [[…], …]}\n",
          .configure =
              [flags](CLI::App& app) {
                AddTokenizerOption(app, flags->tokenizer);
                app.add_option("file", flags->file, "the text; - reads standard input")
                    ->type_name("FILE")
                    ->required();
              },
          .run = [flags](Console& console) { return Encode(*flags, console); }};
}

}  // namespace kalavai::contributor
