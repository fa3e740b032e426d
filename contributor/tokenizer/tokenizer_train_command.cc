#include "contributor/tokenizer/tokenizer_train_command.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/cli/number_checks.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer_trainer.h"
#include "contributor/tokenizer/text_lines.h"

namespace kalavai::contributor {
namespace {

struct Flags {
  std::vector<std::string> files;
  std::string out;
  bool force = false;
  TokenizerTraining training;
};

absl::Status Train(const Flags& flags, Console& console) {
  std::vector<std::string> texts;
  for (const std::string& file : flags.files) {
    ASSIGN_OR_RETURN(texts.emplace_back(), ReadInput(file));
    RETURN_IF_ERROR(CheckText(texts.back(), NameOf(file)));
  }
  const std::vector<absl::string_view> documents(texts.begin(), texts.end());
  ASSIGN_OR_RETURN(const std::string json, TrainTokenizer(documents, flags.training));
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Parse(json));
  RETURN_IF_ERROR(flags.force ? WriteFileAtomically(flags.out, json)
                              : CreateFileAtomically(flags.out, json));
  const int32_t vocabulary = tokenizer->VocabularySize();
  if (vocabulary < flags.training.vocabulary_size) {
    console.Warn(absl::StrCat("no further pair occurs ", flags.training.min_frequency,
                              " times: the vocabulary is smaller than asked for"));
  }
  console.Result(
      {{"tokenizer", flags.out}, {"vocabulary", vocabulary}, {"digest", tokenizer->digest().Hex()}},
      absl::StrCat(flags.out, ": ", vocabulary, " tokens\nnext: kalavai tokenizer fit --tokenizer ",
                   flags.out, " FILE"));
  return absl::OkStatus();
}

}  // namespace

Command MakeTokenizerTrainCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "tokenizer train",
          .summary = "learn a byte-level BPE tokenizer from text",
          .details =
              "  kalavai tokenizer train --vocab-size 8192 --output tokenizer.json yoruba.txt\n"
              "\n"
              "The same texts give the same file, in any order. Each file is one UTF-8 text, line "
              "ends and all.\n--format json: {\"tokenizer\": FILE, \"vocabulary\": N, \"digest\": "
              "SHA-256}\n",
          .configure =
              [flags](CLI::App& app) {
                app.add_option("file", flags->files, "texts to learn from; - reads standard input")
                    ->type_name("FILE")
                    ->required();
                app.add_option("--output", flags->out, "where tokenizer.json is written")
                    ->type_name("FILE")
                    ->required();
                app.add_flag("--force", flags->force, "replace the file when it exists");
                app.add_option("--vocab-size", flags->training.vocabulary_size,
                               "at most so many tokens")
                    ->check(WholeAboveZero())
                    ->capture_default_str();
                app.add_option("--min-frequency", flags->training.min_frequency,
                               "a pair merges when it occurs so often")
                    ->check(WholeAboveZero())
                    ->capture_default_str();
                app.add_option("--special-token", flags->training.special_tokens,
                               "the first ids, in order; repeatable")
                    ->type_name("TOKEN")
                    ->take_all()
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return Train(*flags, console); }};
}

}  // namespace kalavai::contributor
