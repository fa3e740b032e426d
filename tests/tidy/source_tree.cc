#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "tests/support/temp_dir.h"

namespace kalavai::tidy {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = KALAVAI_SOURCE_DIR;

}  // namespace

bool SourceFile::product() const { return !absl::StartsWith(path, "tests/"); }
bool SourceFile::header() const { return absl::EndsWith(path, ".h"); }
std::string SourceFile::name() const { return fs::path(path).filename().string(); }

const std::vector<SourceFile>& Sources() {
  static const std::vector<SourceFile>* const kSources = [] {
    auto* sources = new std::vector<SourceFile>;
    for (const char* top : {"common", "contributor", "coordinator", "migrations", "tests"}) {
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".cc" && extension != ".h") continue;
        sources->push_back(
            {.path = fs::relative(entry.path(), kRoot).string(),
             .lines = absl::StrSplit(testing::ReadFile(entry.path().string()), '\n')});
      }
    }
    std::sort(sources->begin(), sources->end(),
              [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
    return sources;
  }();
  return *kSources;
}

bool TextFile::Is(absl::string_view extension) const { return absl::EndsWith(path, extension); }

const std::vector<TextFile>& TextFiles() {
  static const std::vector<TextFile>* const kFiles = [] {
    constexpr absl::string_view kExtensions[] = {".cc", ".h",     ".md",  ".sql", ".proto",
                                                 ".sh", ".cmake", ".txt", ".in",  ".json"};
    auto* files = new std::vector<TextFile>;
    fs::recursive_directory_iterator it(kRoot), end;
    for (; it != end; ++it) {
      const std::string path = fs::relative(it->path(), kRoot).string();
      if (it->is_directory()) {
        const bool written = it->path().filename().string()[0] != '.' && path != "build" &&
                             path != "tests/fuzz/corpus" &&
                             (path == "tests/golden" || !absl::StartsWith(path, "tests/golden"));
        if (!written) it.disable_recursion_pending();
        continue;
      }
      if (std::any_of(std::begin(kExtensions), std::end(kExtensions),
                      [&](absl::string_view extension) { return absl::EndsWith(path, extension); }))
        files->push_back({.path = path, .text = testing::ReadFile(it->path().string())});
    }
    std::sort(files->begin(), files->end(),
              [](const TextFile& a, const TextFile& b) { return a.path < b.path; });
    return files;
  }();
  return *kFiles;
}

std::string ReadTree(const std::string& path) { return testing::ReadFile((kRoot / path).string()); }

bool InTree(const std::string& path) { return fs::exists(kRoot / path); }

const ListedSources& Listed() {
  static const ListedSources* const kListed = [] {
    auto* listed = new ListedSources;
    for (const char* top : {"common", "contributor", "coordinator", "tests"}) {
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
        if (entry.path().filename() != "CMakeLists.txt") continue;
        const fs::path folder = fs::relative(entry.path().parent_path(), kRoot);
        const std::string text =
            std::regex_replace(testing::ReadFile(entry.path().string()), std::regex("#[^\n]*"), "");
        bool torch = false;
        for (const auto word :
             absl::StrSplit(text, absl::ByAnyChar(" \n()\t"), absl::SkipEmpty())) {
          if (word == "TORCH_SOURCES") torch = true;
          if (word == "SOURCES" || word == "DEPS" || word == "LABEL") torch = false;
          if (!absl::EndsWith(word, ".cc") || absl::StrContains(word, "$")) continue;
          const std::string path = (folder / std::string(word)).lexically_normal().string();
          listed->all.insert(path);
          if (torch) listed->torch.insert(path);
        }
      }
    }
    return listed;
  }();
  return *kListed;
}

void Findings::Add(const SourceFile& file, size_t line_index, absl::string_view text) {
  lines_.push_back(absl::StrCat(file.path, ":", line_index + 1, ": ", text));
}

void Findings::Add(absl::string_view text) { lines_.emplace_back(text); }

std::string Findings::Text() const { return absl::StrJoin(lines_, "\n"); }

}  // namespace kalavai::tidy
