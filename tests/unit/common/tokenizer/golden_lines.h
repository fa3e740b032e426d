// The texts of tests/golden/tokenizer/lines.jsonl and hard.jsonl with the ids Hugging Face's
// tokenizers give them.
#ifndef KALAVAI_TESTS_UNIT_COMMON_TOKENIZER_GOLDEN_LINES_H_
#define KALAVAI_TESTS_UNIT_COMMON_TOKENIZER_GOLDEN_LINES_H_

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "nlohmann/json.hpp"

#include "common/base/check.h"
#include "tests/support/temp_dir.h"

namespace kalavai::testing {

inline std::string TokenizerGolden(const std::string& name) {
  return ReadFile(std::string(KALAVAI_GOLDEN_DIR) + "/tokenizer/" + name);
}

inline std::vector<nlohmann::json> GoldenRows(const std::string& name) {
  std::istringstream lines(TokenizerGolden(name));
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

inline std::vector<nlohmann::json> GoldenLines() {
  std::vector<nlohmann::json> rows = GoldenRows("lines.jsonl");
  KALAVAI_CHECK(rows.size() > 200, "the golden file is whole");
  return rows;
}

// One line each where readers of tokenizer.json differ.
inline std::vector<nlohmann::json> HardLines() {
  std::vector<nlohmann::json> rows = GoldenRows("hard.jsonl");
  KALAVAI_CHECK(rows.size() > 40, "the golden file is whole");
  return rows;
}

// The texts trained.json was trained on, as make_goldens.py chooses them.
inline std::vector<std::string> GoldenTrainingTexts() {
  std::vector<std::string> texts;
  for (const nlohmann::json& row : GoldenLines()) {
    const std::string text = row.at("text");
    if (!absl::StrContains(text, "<|")) texts.push_back(text);
  }
  return texts;
}

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_UNIT_COMMON_TOKENIZER_GOLDEN_LINES_H_
