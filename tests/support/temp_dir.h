// A fresh directory for one test; removed when the test passes, kept and printed when it fails.
#ifndef KALAVAI_TESTS_SUPPORT_TEMP_DIR_H_
#define KALAVAI_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>

#include "absl/strings/string_view.h"

namespace kalavai::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const;  // path()/name

 private:
  std::string path_;
};

// Whole files, for tests; abort on failure.
void WriteFile(const std::string& path, absl::string_view bytes);
std::string ReadFile(const std::string& path);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_TEMP_DIR_H_
