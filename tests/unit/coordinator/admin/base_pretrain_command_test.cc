// Goal: `base pretrain` makes a base from one command line and says what comes next.
// Method: the program run in process on an invented text.
#include "coordinator/admin/base_pretrain_command.h"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "common/cli/console.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {
namespace {

using kalavai::testing::TempDir;

int Run(const std::vector<std::string>& words, std::string* result) {
  std::vector<const char*> arguments = {"kalavai-coordinator", "base", "pretrain"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream error;
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::streambuf* const old_error = std::cerr.rdbuf(error.rdbuf());
  const int code =
      RunProgram({.name = "kalavai-coordinator",
                  .summary = "a test",
                  .details = "",
                  .groups = {{"base", "the base checkpoint"}}},
                 {MakeBasePretrainCommand()}, static_cast<int>(arguments.size()), arguments.data());
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_error);
  *result = out.str() + error.str();
  return code;
}

TEST_CASE("A base comes from one command, and an interrupt is not a success", "[admin]") {
  const TempDir directory;
  // A .txt is cut into documents of 6,000 characters: a dozen of them are needed.
  kalavai::testing::WriteFile(directory.File("public.txt"), kalavai::testing::TinyText(0, 400));
  const std::vector<std::string> words = {"--out",          directory.File("base"),
                                          "--text",         directory.File("public.txt"),
                                          "--hidden",       "32",
                                          "--layers",       "1",
                                          "--heads",        "2",
                                          "--steps",        "6",
                                          "--batch",        "4",
                                          "--threads",      "1",
                                          "--chunk-tokens", "32",
                                          "--vocabulary",   "280"};
  std::string text;
  SetInterrupted(true);
  const int interrupted = Run(words, &text);
  SetInterrupted(false);
  INFO(text);
  REQUIRE(interrupted == 130);
  const int code = Run(words, &text);
  INFO(text);
  REQUIRE(code == 0);
  REQUIRE(text.find("next: kalavai-coordinator base import --cooperative NAME " +
                    directory.File("base")) != std::string::npos);
  REQUIRE(Run({"--from", directory.File("base"), "--out", directory.File("pooled"), "--text",
               directory.File("public.txt"), "--steps", "2", "--batch", "4", "--threads", "1",
               "--chunk-tokens", "32"},
              &text) == 0);
  REQUIRE(text.find("next: kalavai-coordinator fuse --cooperative NAME --reference monolithic=" +
                    directory.File("pooled")) != std::string::npos);
  REQUIRE(Run({"--from", directory.File("base"), "--out", "x", "--text", "y", "--layers", "1"},
              &text) == 2);
  REQUIRE(Run({"--out", directory.File("base")}, &text) == 2);
  REQUIRE(Run({"--out", "x", "--text", "y", "--dtype", "int4"}, &text) == 2);
}

}  // namespace
}  // namespace kalavai::coordinator
