#include "contributor/tokenizer/tokenizer_fit_command.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/cli/number_checks.h"
#include "common/tokenizer/tokenizer_fit.h"
#include "contributor/tokenizer/text_lines.h"

namespace kalavai::contributor {
namespace {

// Times English, a word (where words are counted) or a byte.
constexpr double kGood = 2.0;
constexpr double kFair = 4.0;

struct Flags {
  std::string tokenizer;
  std::vector<std::string> files;
  std::string against;
  std::string name = "this text";
  int64_t context = 2048;
};

absl::StatusOr<TokenizerFit> MeasureFiles(const Tokenizer& tokenizer,
                                          const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const std::string one, ReadInput(file));
    RETURN_IF_ERROR(CheckText(one, NameOf(file)));
    text += one;
  }
  ASSIGN_OR_RETURN(const TokenizerFit fit, MeasureFit(tokenizer, text));
  if (fit.tokens > 0) return fit;
  return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_EMPTY",
                   {.what = "the files hold no text to measure", .fix = "name a text file"});
}

nlohmann::json JsonOf(const TokenizerFit& fit) {
  nlohmann::json json = {{"bytes", fit.bytes},
                         {"characters", fit.characters},
                         {"words", nullptr},
                         {"tokens", fit.tokens},
                         {"tokens_per_byte", fit.TokensPerByte()},
                         {"tokens_per_character", fit.TokensPerCharacter()},
                         {"tokens_per_word", nullptr},
                         {"byte_fallback_share", fit.FallbackShare()}};
  if (fit.HasWords()) {
    json["words"] = fit.words;
    json["tokens_per_word"] = *fit.TokensPerWord();
  }
  return json;
}

std::string Row(const std::string& name, const TokenizerFit& fit) {
  const std::string words = fit.HasWords() ? absl::StrFormat("%.2f", *fit.TokensPerWord()) : "-";
  return absl::StrFormat("%-20s %10d %12.3f %17.3f %12s %16.1f %%\n", name, fit.tokens,
                         fit.TokensPerByte(), fit.TokensPerCharacter(), words,
                         100 * fit.FallbackShare());
}

struct Comparison {
  double a_byte = 0;
  double a_character = 0;
  double a_word = 0;  // 0: not counted
  int64_t context_holds = 0;
  std::string unit = {};  // of context_holds
  std::string verdict = {};
  std::string sentence = {};
};

Comparison Compare(const Flags& flags, const TokenizerFit& fit, const TokenizerFit& english) {
  const bool words = fit.HasWords() && english.HasWords();
  Comparison comparison = {.a_byte = fit.TokensPerByte() / english.TokensPerByte(),
                           .a_character = fit.TokensPerCharacter() / english.TokensPerCharacter(),
                           .a_word = words ? *fit.TokensPerWord() / *english.TokensPerWord() : 0.0,
                           .unit = words ? "words" : "characters"};
  const double each = words ? *fit.TokensPerWord() : fit.TokensPerCharacter();
  comparison.context_holds = std::llround(static_cast<double>(flags.context) / each);
  const double cost = words ? comparison.a_word : comparison.a_byte;
  comparison.verdict = cost <= kGood ? "good" : cost <= kFair ? "fair" : "poor";
  comparison.sentence = absl::StrFormat(
      "%s needs %.1f times as many tokens a byte as English, %.1f times a character%s; a context "
      "of %d tokens holds about %d %s.\nfit: %s. ",
      flags.name, comparison.a_byte, comparison.a_character,
      words ? absl::StrFormat(", %.1f times a word", comparison.a_word) : "", flags.context,
      comparison.context_holds, comparison.unit, comparison.verdict);
  comparison.sentence +=
      comparison.verdict == "good" ? "This tokenizer knows the language."
      : comparison.verdict == "fair"
          ? "It works, but training and answers cost more than for English."
          : "Training and answers cost several times what English costs, and the context is "
            "short. Look for a base that knows the language, or train a tokenizer of your "
            "own: kalavai tokenizer train";
  return comparison;
}

absl::Status Fit(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(flags.tokenizer));
  ASSIGN_OR_RETURN(const TokenizerFit fit, MeasureFiles(*tokenizer, flags.files));
  TokenizerFit english;
  if (flags.against.empty()) {
    ASSIGN_OR_RETURN(english, MeasureFit(*tokenizer, EnglishSample()));
  } else {
    ASSIGN_OR_RETURN(english, MeasureFiles(*tokenizer, {flags.against}));
  }
  const Comparison comparison = Compare(flags, fit, english);
  nlohmann::json json = JsonOf(fit);
  json["english"] = JsonOf(english);
  json["english"]["source"] = flags.against.empty() ? "built in" : flags.against;
  json["times_english"] = {{"tokens_per_byte", comparison.a_byte},
                           {"tokens_per_character", comparison.a_character},
                           {"tokens_per_word", nullptr}};
  if (comparison.a_word > 0) json["times_english"]["tokens_per_word"] = comparison.a_word;
  json["context"] = {
      {"tokens", flags.context}, {"holds", comparison.context_holds}, {"unit", comparison.unit}};
  json["fit"] = comparison.verdict;
  const std::string human =
      absl::StrCat(absl::StrFormat("%-20s %10s %12s %17s %12s %18s\n", "", "tokens", "tokens/byte",
                                   "tokens/character", "tokens/word", "from single bytes"),
                   Row(flags.name, fit), Row("English", english), comparison.sentence);
  console.Result(json, human);
  return absl::OkStatus();
}

}  // namespace

Command MakeTokenizerFitCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "tokenizer fit",
          .summary = "what a language costs under a tokenizer, beside English",
          .details =
              "  kalavai tokenizer fit --tokenizer base --name Tamil tamil.txt\n"
              "  kalavai tokenizer fit --tokenizer base --against english.txt tamil.txt\n"
              "\n"
              "A word is a run of letters, marks and numbers. Scripts written without spaces "
              "(Chinese,\nJapanese, Thai, …) have characters counted instead. The fit is good up "
              "to 2, fair up to\n4 times the tokens of English a word (a byte, without words), "
              "else poor.\n--format json: docs/formats/tokenizer.md\n",
          .configure =
              [flags](CLI::App& app) {
                AddTokenizerOption(app, flags->tokenizer);
                app.add_option("file", flags->files,
                               "texts of the language; - reads standard input")
                    ->type_name("FILE")
                    ->required();
                app.add_option("--against", flags->against,
                               "an English text; default: a page that is built in")
                    ->type_name("FILE");
                app.add_option("--name", flags->name, "what the language is called")
                    ->capture_default_str();
                app.add_option("--context", flags->context, "tokens a model reads at once")
                    ->check(WholeAboveZero())
                    ->capture_default_str();
              },
          .run = [flags](Console& console) { return Fit(*flags, console); }};
}

}  // namespace kalavai::contributor
