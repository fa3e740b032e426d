#include "common/cli/explain_command.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include "CLI/CLI.hpp"
#include "common/cli/nearest.h"
#include "common/cli/reason_table.h"

namespace kalavai {
namespace {

nlohmann::json ToJson(const ReasonRow& row) {
  return {
      {"reason", row.reason}, {"when", row.when}, {"fix", row.fix}, {"exit_code", row.exit_code}};
}

const char* ExitCodeMeaning(int exit_code) {
  switch (exit_code) {
    case 2:
      return "wrong usage";
    case 3:
      return "not reachable or busy, worth trying again";
    case 4:
      return "the coordinator's history contradicts what was seen before";
    case 130:
      return "interrupted, resumable";
    default:
      return "refused or failed";
  }
}

void PrintAll(Console& console) {
  const std::vector<ReasonRow> rows = ReasonRows();
  size_t width = 0;
  for (const ReasonRow& row : rows) width = std::max(width, row.reason.size());
  nlohmann::json list = nlohmann::json::array();
  std::string text;
  for (const ReasonRow& row : rows) {
    list.push_back(ToJson(row));
    absl::StrAppend(&text, row.reason, std::string(width + 2 - row.reason.size(), ' '), row.when,
                    "\n");
  }
  console.Result({{"reasons", std::move(list)}}, text);
}

absl::Status Explain(const std::string& word, const std::string& program, Console& console) {
  if (word.empty()) {
    PrintAll(console);
    return absl::OkStatus();
  }
  const std::string reason =
      absl::AsciiStrToUpper(absl::StrReplaceAll(word, {{"-", "_"}, {" ", "_"}}));
  const std::optional<ReasonRow> row = FindReason(reason);
  if (!row.has_value()) {
    std::vector<std::string> known;
    for (const ReasonRow& candidate : ReasonRows()) known.push_back(candidate.reason);
    const std::string nearest = NearestWord(reason, known);
    const std::string list = absl::StrCat("'", program, " explain' lists all");
    return UsageError(
        absl::StrCat("'", word, "' is no reason of an error"),
        nearest.empty() ? list : absl::StrCat("did you mean '", nearest, "'? ", list));
  }
  console.Result(ToJson(*row), absl::StrFormat("%s\n  when: %s\n  fix:  %s\n  exit code: %d, %s\n",
                                               row->reason, row->when, row->fix, row->exit_code,
                                               ExitCodeMeaning(row->exit_code)));
  return absl::OkStatus();
}

}  // namespace

Command MakeExplainCommand(const std::string& program) {
  auto word = std::make_shared<std::string>();
  return {.name = "explain",
          .summary = "say what an error's reason means and what to do",
          .details = absl::StrCat("  ", program, " explain BASE_MISMATCH\n  ", program,
                                  " explain      # all reasons\n"),
          .configure =
              [word](CLI::App& app) {
                app.add_option("REASON", *word, "the word in error[…], upper or lower case");
              },
          .run = [word, program](Console& console) { return Explain(*word, program, console); }};
}

}  // namespace kalavai
