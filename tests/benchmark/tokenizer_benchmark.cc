// Time to encode the lines of text files, in process: tokenizer_benchmark TOKENIZER ROUNDS FILE…
// Prints one JSON object: seconds of each round, bytes, lines, tokens. Driven by
// tokenizer_speed.py.
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "common/tokenizer/tokenizer.h"

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: tokenizer_benchmark TOKENIZER ROUNDS FILE...\n";
    return 2;
  }
  const auto tokenizer = kalavai::Tokenizer::Load(argv[1]);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status() << "\n";
    return 1;
  }
  std::string text;
  for (int i = 3; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    text += bytes.str();
  }
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  nlohmann::json seconds = nlohmann::json::array();
  size_t tokens = 0;
  for (int round = 0; round < std::stoi(argv[2]); ++round) {
    tokens = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (const absl::string_view line : lines) {
      const auto ids = (*tokenizer)->Encode(line);
      if (!ids.ok()) {
        std::cerr << ids.status() << "\n";
        return 1;
      }
      tokens += ids->size();
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    seconds.push_back(taken.count());
  }
  std::cout << nlohmann::json({{"seconds", seconds},
                               {"bytes", text.size()},
                               {"lines", lines.size()},
                               {"tokens", tokens}})
            << "\n";
  return 0;
}
