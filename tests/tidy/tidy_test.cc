// Goal: the rules of docs/style.md that a machine can check are a test, so that reviews are about
// design. Method: read the tree as text; one test case a rule; every finding names file, line and
// the cure.
#include <algorithm>
#include <cctype>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "tests/support/catch.h"
#include "tests/tidy/layers.h"
#include "tests/tidy/source_tree.h"

namespace kalavai::tidy {
namespace {

constexpr int64_t kLineLengthMax = 100;
constexpr int64_t kFileLinesMax = 600;
constexpr int64_t kFunctionLinesMax = 70;

#define REQUIRE_NO_FINDINGS(findings) \
  do {                                \
    INFO((findings).Text());          \
    REQUIRE((findings).empty());      \
  } while (false)

TEST_CASE("Lines and files are short", "[tidy]") {
  Findings findings;
  for (const SourceFile& file : Sources()) {
    if (static_cast<int64_t>(file.lines.size()) > kFileLinesMax) {
      findings.Add(
          file, 0,
          absl::StrCat(file.lines.size(), " lines; at most ", kFileLinesMax, ": split it"));
    }
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string& line = file.lines[i];
      const auto columns =
          std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
      if (columns > kLineLengthMax && !absl::StrContains(line, "http") &&
          !absl::StrContains(line, "R\"")) {
        findings.Add(
            file, i,
            absl::StrCat(columns, " columns; at most ", kLineLengthMax, ": clang-format it"));
      }
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

// In formatted code a function opens with a line at column 0 or 2 that ends in ") {" and closes
// with a brace alone at the same column.
TEST_CASE("Functions fit a screen", "[tidy]") {
  const std::regex opener(R"(^( {0,2})[A-Za-z].*\)( const| override| noexcept|final)*( :.*)? \{$)");
  const std::regex not_function(
      R"(^ *(namespace|class|struct|enum|TEST_CASE|if|for|while|switch|else|do)\b.*|.*\[.*\]\(.*)");
  Findings findings;
  for (const SourceFile& file : Sources()) {
    for (size_t i = 0; i < file.lines.size(); ++i) {
      std::smatch match;
      const std::string& line = file.lines[i];
      if (!std::regex_match(line, match, opener) || std::regex_match(line, not_function)) continue;
      const std::string closing = match[1].str() + "}";
      size_t end = i + 1;
      while (end < file.lines.size() && !absl::StartsWith(file.lines[end], closing)) ++end;
      if (static_cast<int64_t>(end - i) > kFunctionLinesMax && end < file.lines.size()) {
        findings.Add(file, i,
                     absl::StrCat(end - i, " lines; at most ", kFunctionLinesMax, ": split it"));
      }
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

struct Banned {
  const char* pattern;
  const char* cure;
  std::vector<const char*> except;  // prefixes or suffixes of the paths where it may stand
};

const std::vector<Banned>& BannedNames() {
  static const std::vector<Banned> kBanned = {
      {R"(std::string_view)", "use absl::string_view: Debian's Abseil has its own type", {}},
      {R"(std::format\b|<format>)", "use absl::StrFormat: g++ 12 has no std::format", {}},
      {R"(std::views|std::source_location)", "not in clang 14", {}},
      {R"(torch::load|pickle_load|jit::load|InputArchive)",
       "pickle is code: use common/safetensors",
       {}},
      {R"(\bsystem\(|\bpopen\()", "start no shells", {"tests/"}},
      {R"(sleep_for|absl::SleepFor|usleep)",
       "wait for an event, not for time",
       {"tests/end_to_end/", "tests/support/process.cc", "common/rpc/retry.cc"}},
      {R"(\brand\(\)|std::random_device|std::mt19937)",
       "use the project's seeded generators",
       {"tests/"}},
      {R"(\bgetenv\()",
       "environment variables belong to main.cc and common/cli",
       {"main.cc", "common/cli/", "tests/"}},
      {R"((^|[^_:.a-zA-Z])_?exit\()",
       "return a Status; only main.cc ends the process",
       {"main.cc", "common/cli/program.cc", "tests/"}},
      {R"(std::j?thread\b(?!::id))",
       "use common/base/worker_queue.h",
       {"common/base/worker_queue.h", "common/base/worker_queue.cc",
        "coordinator/serving/generation_engine.h", "coordinator/serving/generation_engine.cc",
        "coordinator/server/server.cc", "tests/"}},
      {R"re("[^"]*\b(SELECT|INSERT INTO|UPDATE [a-z_]+ SET|DELETE FROM)\b)re",
       "SQL belongs to *_store.cc",
       {"_store.cc", "transparency_log.cc", "common/storage/", "migrations/", "tests/"}},
      {R"(#include <torch/|#include <ATen/ATen)",
       "include common/model/torch.h: the only door to LibTorch",
       {"common/model/torch.h"}},
      {R"(#include <catch2/)", "include tests/support/catch.h", {"tests/support/catch.h"}},
      {R"(\b(TODO|FIXME|XXX)\b)", "open an issue, or do it", {}},
  };
  return kBanned;
}

bool Excepted(const Banned& banned, const std::string& path) {
  return absl::StartsWith(path, "tests/tidy/") ||
         std::any_of(banned.except.begin(), banned.except.end(), [&path](const char* place) {
           return absl::StartsWith(path, place) || absl::EndsWith(path, place);
         });
}

TEST_CASE("Banned names have better ones", "[tidy]") {
  Findings findings;
  for (const Banned& banned : BannedNames()) {
    const std::regex pattern(banned.pattern);
    for (const SourceFile& file : Sources()) {
      if (Excepted(banned, file.path)) continue;
      for (size_t i = 0; i < file.lines.size(); ++i) {
        const std::string code = file.lines[i].substr(0, file.lines[i].find("//"));
        if (std::regex_search(code, pattern)) {
          findings.Add(file, i, absl::StrCat("'", banned.pattern, "' is banned: ", banned.cure));
        }
      }
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("File names say what a file holds", "[tidy]") {
  const std::regex drawer(
      R"(.*_(util|utils|helper|helpers|impl|base|misc|common|manager)\.(h|cc)$)");
  Findings findings;
  for (const SourceFile& file : Sources()) {
    if (std::regex_match(file.name(), drawer) && !absl::StartsWith(file.name(), "model_manager")) {
      findings.Add(file, 0, "name it by its noun, not by a drawer");
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Every source is listed in a CMakeLists.txt, and every listed source exists", "[tidy]") {
  Findings findings;
  for (const SourceFile& file : Sources()) {
    if (!file.header() && !Listed().all.contains(file.path))
      findings.Add(file, 0, "in no CMakeLists.txt");
  }
  for (const std::string& path : Listed().all) {
    if (!InTree(path)) findings.Add(absl::StrCat(path, ": listed, but not there"));
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Headers open with what they are, and are guarded by their path", "[tidy]") {
  Findings findings;
  for (const SourceFile& file : Sources()) {
    if (!file.header()) continue;
    std::string guard = absl::StrCat("KALAVAI_", file.path, "_");
    std::transform(guard.begin(), guard.end(), guard.begin(), [](unsigned char c) {
      return std::isalnum(c) ? static_cast<char>(std::toupper(c)) : '_';
    });
    const auto found = std::find(file.lines.begin(), file.lines.end(), "#ifndef " + guard);
    if (found == file.lines.end())
      findings.Add(file, 0, absl::StrCat("include guard must be ", guard));
    if (!absl::StartsWith(file.lines[0], "// "))
      findings.Add(file, 0, "open with a sentence that says what it is");
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Layers include downwards only", "[tidy]") {
  const std::regex include(R"re(#include [<"]([^>"]+)[>"])re");
  Findings findings;
  for (const SourceFile& file : Sources()) {
    if (!file.product()) continue;
    const Layer* layer = LayerOf(file.path);
    if (layer == nullptr) {
      findings.Add(file, 0,
                   "folder is in no layer: add it to tests/tidy/layers.cc and common/README.md");
      continue;
    }
    for (size_t i = 0; i < file.lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(file.lines[i], match, include)) continue;
      const std::string refusal = RefuseInclude(*layer, file.path, match[1].str());
      if (!refusal.empty()) findings.Add(file, i, refusal);
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Files that see LibTorch never see protobuf", "[tidy]") {
  const std::regex wire(R"(#include.*(\.pb\.h|grpc))");
  Findings findings;
  for (const SourceFile& file : Sources()) {
    if (!Listed().torch.contains(file.path)) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      if (std::regex_search(file.lines[i], wire)) {
        findings.Add(file, i, "LibTorch's headers carry an old protobuf: split the file");
      }
    }
  }
  REQUIRE_NO_FINDINGS(findings);
}

std::set<std::string> ReasonTable() {
  std::set<std::string> table;
  const std::string proto = ReadTree("proto/kalavai/v1/error_reason.proto");
  const std::regex value(R"(\n  ([A-Z][A-Z0-9_]+) = \d+ \[)");
  for (std::sregex_iterator it(proto.begin(), proto.end(), value), end; it != end; ++it)
    table.insert((*it)[1]);
  return table;
}

TEST_CASE("Every reason is in the table, and every reason of the table is used", "[tidy]") {
  const std::set<std::string> table = ReasonTable();
  REQUIRE(table.size() > 50);
  std::set<std::string> used;
  Findings findings;
  const std::regex made(R"re(MakeError\(\s*absl::StatusCode::k\w+,\s*"([A-Z][A-Z0-9_]*)")re");
  const std::regex literal(R"re("([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)")re");
  for (const SourceFile& file : Sources()) {
    if (!file.product()) continue;
    const std::string text = absl::StrJoin(file.lines, "\n");
    for (std::sregex_iterator it(text.begin(), text.end(), made), end; it != end; ++it) {
      if (!table.contains((*it)[1])) {
        findings.Add(
            absl::StrCat(file.path, ": ", (*it)[1].str(), " is not in error_reason.proto: add it"));
      }
    }
    for (std::sregex_iterator it(text.begin(), text.end(), literal), end; it != end; ++it)
      used.insert((*it)[1]);
  }
  for (const std::string& reason : table) {
    if (!used.contains(reason))
      findings.Add(absl::StrCat("error_reason.proto: ", reason, " is used nowhere: remove it"));
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Every product source has a test of its own", "[tidy]") {
  Findings findings;
  for (const SourceFile& file : Sources()) {
    if (!file.product() || file.header() || TestedElsewhere(file.path)) continue;
    const std::string test =
        absl::StrCat("tests/unit/", file.path.substr(0, file.path.size() - 3), "_test.cc");
    if (!InTree(test))
      findings.Add(file, 0, absl::StrCat("needs ", test, ", or a line in tests/tidy/layers.cc"));
  }
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("Phases stand in one order everywhere", "[tidy]") {
  const std::vector<std::string> phases = {"launch",     "checkpoint", "submission",
                                           "prediction", "fusion",     "serving"};
  const std::string cmake = ReadTree("coordinator/CMakeLists.txt");
  const std::string readme = ReadTree("coordinator/README.md");
  size_t in_cmake = 0, in_readme = 0;
  for (size_t i = 0; i < phases.size(); ++i) {
    INFO(phases[i]);
    const size_t next_cmake = cmake.find("add_subdirectory(" + phases[i] + ")");
    const size_t next_readme = readme.find(phases[i] + "/", in_readme);
    REQUIRE(next_cmake != std::string::npos);
    REQUIRE(next_readme != std::string::npos);
    CHECK(next_cmake >= in_cmake);
    in_cmake = next_cmake;
    in_readme = next_readme;
    CHECK(InTree(absl::StrCat("migrations/000", i + 2, "_", phases[i], ".sql")));
  }
}

TEST_CASE("The limits in the documentation are the limits of the code", "[tidy]") {
  const std::string code = ReadTree("common/base/limits.h");
  const std::string document = ReadTree("docs/architecture.md");
  const std::regex limit(R"(inline constexpr int64_t (k\w+)\s*=\s*([^;]+);)");
  Findings findings;
  int count = 0;
  for (std::sregex_iterator it(code.begin(), code.end(), limit), end; it != end; ++it) {
    const std::string name = (*it)[1];
    if (name == "kKiB" || name == "kMiB" || name == "kGiB") continue;
    const std::string value = std::regex_replace((*it)[2].str(), std::regex(R"(\s+)"), " ");
    const std::string row = absl::StrCat("| `", name, "` | ", value, " |");
    if (!absl::StrContains(document, row)) {
      findings.Add(absl::StrCat("docs/architecture.md: needs the row '", row, "'"));
    }
    ++count;
  }
  CHECK(count > 20);
  REQUIRE_NO_FINDINGS(findings);
}

TEST_CASE("The root build file stays readable", "[tidy]") {
  const std::string text = ReadTree("CMakeLists.txt");
  CHECK(std::count(text.begin(), text.end(), '\n') <= 150);
  CHECK_FALSE(absl::StrContains(text, "GLOB"));
}

}  // namespace
}  // namespace kalavai::tidy
