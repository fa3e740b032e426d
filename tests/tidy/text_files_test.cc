// Goal: documents, scripts and data stay true to the code around them. Method: read every text file
// of the tree; what a document names (files, options, constants) must be there.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "tests/support/catch.h"
#include "tests/tidy/source_tree.h"

namespace kalavai::tidy {
namespace {

namespace fs = std::filesystem;

#define REQUIRE_NO_FINDINGS(findings) \
  do {                                \
    INFO((findings).Text());          \
    REQUIRE((findings).empty());      \
  } while (false)

std::string Place(const TextFile& file, size_t offset) {
  const auto line =
      std::count(file.text.begin(), file.text.begin() + static_cast<ptrdiff_t>(offset), '\n');
  return absl::StrCat(file.path, ":", line + 1, ": ");
}

// Every match of `pattern` in the file, with its first group.
template <typename F>
void ForEachMatch(const TextFile& file, const std::regex& pattern, F&& use) {
  for (std::sregex_iterator it(file.text.begin(), file.text.end(), pattern), end; it != end; ++it) {
    use((*it)[1].str(), Place(file, static_cast<size_t>(it->position())));
  }
}

TEST_CASE("Text files have no tabs, no blanks at line ends and one newline at the end", "[tidy]") {
  Findings findings;
  REQUIRE(TextFiles().size() > 400);
  for (const TextFile& file : TextFiles()) {
    for (const char* bad : {"\t", "\r", " \n", "\n\n\n\n"}) {
      const size_t found = file.text.find(bad);
      if (found != std::string::npos) {
        findings.Add(absl::StrCat(Place(file, found), "a tab, a carriage return, a blank at the ",
                                  "end of a line, or three empty lines: remove it"));
      }
    }
    if (!absl::EndsWith(file.text, "\n") || absl::EndsWith(file.text, "\n\n"))
      findings.Add(absl::StrCat(file.path, ": end with exactly one newline"));
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("No text names a folder of one machine", "[tidy]") {
  Findings findings;
  for (const TextFile& file : TextFiles()) {
    if (absl::StartsWith(file.path, "tests/tidy/")) continue;
    for (const char* name : {"work", "root", "home", "Users"}) {
      const std::string folder = absl::StrCat("/", name, "/");
      for (size_t at = file.text.find(folder); at != std::string::npos;
           at = file.text.find(folder, at + 1)) {
        const char before = at == 0 ? ' ' : file.text[at - 1];
        const bool inside = std::isalnum(static_cast<unsigned char>(before)) != 0 ||
                            absl::StrContains("_.})-", absl::string_view(&before, 1));
        if (!inside)
          findings.Add(absl::StrCat(Place(file, at), "'", folder, "' is of one machine"));
      }
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Documents link to files that exist", "[tidy]") {
  const std::regex link(R"(\]\(([^)#\s:]+)(#[^)]*)?\))");
  const std::regex document(R"(\b(docs/[a-z0-9_/.-]+\.md))");
  Findings findings;
  for (const TextFile& file : TextFiles()) {
    if (file.Is(".md")) {
      const fs::path folder = fs::path(file.path).parent_path();
      ForEachMatch(file, link, [&](const std::string& target, const std::string& place) {
        if (!InTree((folder / target).string()))
          findings.Add(absl::StrCat(place, target, " does not exist"));
      });
    }
    if (absl::StartsWith(file.path, "tests/tidy/") || !absl::StrContains(file.text, "docs/"))
      continue;
    ForEachMatch(file, document, [&](const std::string& target, const std::string& place) {
      if (!InTree(target)) findings.Add(absl::StrCat(place, target, " does not exist"));
    });
  }
  REQUIRE_NO_FINDINGS(findings);
}

// Options as the programs declare them: "--workspace", "-o,--output", "--keep,!--no-keep".
std::set<std::string> DeclaredOptions() {
  const std::regex declared(R"re("((?:-\w,)?!?--[a-z][a-z0-9,!-]*)")re");
  std::set<std::string> options = {"--help"};
  for (const TextFile& file : TextFiles()) {
    if (!file.Is(".cc") && !file.Is(".h")) continue;
    if (absl::StartsWith(file.path, "tests/") || !absl::StrContains(file.text, "\"-")) continue;
    ForEachMatch(file, declared, [&](const std::string& names, const std::string&) {
      for (absl::string_view name : absl::StrSplit(names, ',')) {
        absl::ConsumePrefix(&name, "!");
        options.emplace(name);
      }
    });
  }
  return options;
}

TEST_CASE("Commands in documents and in advice use options that exist", "[tidy]") {
  const std::set<std::string> declared = DeclaredOptions();
  REQUIRE(declared.size() > 30);
  const std::regex option(R"((?:^|[\s`'"(\[])(--[a-z][a-z0-9-]*))");
  Findings findings;
  for (const TextFile& file : TextFiles()) {
    const bool product = file.Is(".cc") && !absl::StartsWith(file.path, "tests/");
    if (!file.Is(".md") && !product && !file.Is("error_reason.proto")) continue;
    size_t number = 0;
    for (const absl::string_view line : absl::StrSplit(file.text, '\n')) {
      ++number;
      const size_t program = line.find("kalavai");
      if (program == absl::string_view::npos || !absl::StrContains(line, " --")) continue;
      const std::string command(line.substr(program));
      // Other programs have options of their own.
      if (absl::StrContains(line, "cmake ") || absl::StrContains(line, ".sh")) continue;
      for (std::sregex_iterator it(command.begin(), command.end(), option), end; it != end; ++it) {
        if (!declared.contains((*it)[1].str())) {
          findings.Add(absl::StrCat(file.path, ":", number, ": no program has ", (*it)[1].str()));
        }
      }
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Constants and reasons that documents name are in the code", "[tidy]") {
  const std::regex constant(R"(`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`)");
  std::string code;
  for (const TextFile& file : TextFiles()) {
    const bool test = absl::StartsWith(file.path, "tests/") && !file.Is("CMakeLists.txt");
    if (!file.Is(".md") && !test) absl::StrAppend(&code, file.text);
  }
  Findings findings;
  for (const TextFile& file : TextFiles()) {
    if (!file.Is(".md")) continue;
    ForEachMatch(file, constant, [&](const std::string& name, const std::string& place) {
      if (!absl::StrContains(code, name)) findings.Add(absl::StrCat(place, name, " is nowhere"));
    });
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Scripts are executable and stop at the first error", "[tidy]") {
  Findings findings;
  int scripts = 0;
  for (const TextFile& file : TextFiles()) {
    if (!file.Is(".sh")) continue;
    ++scripts;
    const auto mode = fs::status(fs::path(KALAVAI_SOURCE_DIR) / file.path).permissions();
    if ((mode & fs::perms::owner_exec) == fs::perms::none)
      findings.Add(absl::StrCat(file.path, ": chmod +x"));
    if (!absl::StartsWith(file.text, "#!/usr/bin/env bash\n# "))
      findings.Add(absl::StrCat(file.path, ": open with the interpreter and what it is for"));
    if (!absl::StrContains(file.text, "\nset -euo pipefail\n"))
      findings.Add(absl::StrCat(file.path, ": needs 'set -euo pipefail'"));
  }
  REQUIRE(scripts >= 3);
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Migrations are numbered without a gap and listed in their order", "[tidy]") {
  const std::string cmake = ReadTree("migrations/CMakeLists.txt");
  Findings findings;
  int number = 0;
  size_t listed = 0;
  for (const TextFile& file : TextFiles()) {
    if (!file.Is(".sql")) continue;
    const std::string name = fs::path(file.path).filename().string();
    std::string wanted = absl::StrCat(++number, "_");
    wanted.insert(0, 5 - std::min<size_t>(5, wanted.size()), '0');
    if (!absl::StartsWith(name, wanted))
      findings.Add(absl::StrCat(file.path, ": its number must be ", wanted));
    const size_t at = cmake.find(name.substr(0, name.size() - 4));
    if (at == std::string::npos || at < listed)
      findings.Add(absl::StrCat(file.path, ": list it in migrations/CMakeLists.txt, in order"));
    listed = at;
  }
  REQUIRE(number >= 7);
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Golden files say where they come from", "[tidy]") {
  const std::string readme = ReadTree("tests/golden/README.md");
  Findings findings;
  for (const auto& entry : fs::directory_iterator(fs::path(KALAVAI_SOURCE_DIR) / "tests/golden")) {
    const std::string name = entry.path().filename().string();
    if (name == "README.md") continue;
    if (!absl::StrContains(readme, absl::StrCat("\n## ", name, "/\n")))
      findings.Add(absl::StrCat("tests/golden/README.md: needs a section '## ", name, "/'"));
  }
  const std::string corpora = ReadTree("tests/fuzz/corpus/README.md");
  for (const auto& entry :
       fs::directory_iterator(fs::path(KALAVAI_SOURCE_DIR) / "tests/fuzz/corpus")) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !absl::StrContains(corpora, absl::StrCat("| `", name, "` |")))
      findings.Add(absl::StrCat("tests/fuzz/corpus/README.md: needs a row for `", name, "`"));
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("A document has one title", "[tidy]") {
  Findings findings;
  for (const TextFile& file : TextFiles()) {
    if (!file.Is(".md")) continue;
    bool code = false;
    int titles = 0;
    for (const absl::string_view line : absl::StrSplit(file.text, '\n')) {
      if (absl::StartsWith(line, "```")) code = !code;
      if (!code && absl::StartsWith(line, "# ")) ++titles;
    }
    if (titles != 1) findings.Add(absl::StrCat(file.path, ": ", titles, " titles; must be one"));
  }
  REQUIRE_NO_FINDINGS(findings);
}

}  // namespace
}  // namespace kalavai::tidy
