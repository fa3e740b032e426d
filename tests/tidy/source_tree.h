// The tree as text, for the tidy test: every source file, what the CMakeLists.txt files list, and
// findings.
#ifndef KALAVAI_TESTS_TIDY_SOURCE_TREE_H_
#define KALAVAI_TESTS_TIDY_SOURCE_TREE_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kalavai::tidy {

struct SourceFile {
  std::string path;  // relative to the root
  std::vector<std::string> lines;

  bool product() const;
  bool header() const;
  std::string name() const;
};

// Every .h and .cc of common, contributor, coordinator, migrations and tests, by path.
const std::vector<SourceFile>& Sources();

// Every file that people write: sources, build files, scripts, documents; not what is generated,
// golden or a fuzzer's. By path.
struct TextFile {
  std::string path;  // relative to the root
  std::string text;
  bool Is(absl::string_view extension) const;
};
const std::vector<TextFile>& TextFiles();

// The text of one file, path relative to the root.
std::string ReadTree(const std::string& path);
bool InTree(const std::string& path);

struct ListedSources {
  std::set<std::string> torch;  // under TORCH_SOURCES
  std::set<std::string> all;
};
const ListedSources& Listed();

// "path:line: text", one a finding.
class Findings {
 public:
  void Add(const SourceFile& file, size_t line_index, absl::string_view text);
  void Add(absl::string_view text);
  std::string Text() const;
  bool empty() const { return lines_.empty(); }

 private:
  std::vector<std::string> lines_;
};

}  // namespace kalavai::tidy

#endif  // KALAVAI_TESTS_TIDY_SOURCE_TREE_H_
