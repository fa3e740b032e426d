// Goal: a log line is one line that a machine can split, whatever the values hold.
// Method: point standard error at a file and read the line back.
#include "common/base/logging.h"

#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

std::string Logged(void (*log)()) {
  testing::TempDir directory;
  const std::string path = directory.File("log");
  const int saved = dup(STDERR_FILENO);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(file, STDERR_FILENO);
  log();
  dup2(saved, STDERR_FILENO);
  close(file);
  close(saved);
  return testing::ReadFile(path);
}

TEST_CASE("A line has time, severity, event and fields", "[base]") {
  const std::string line = Logged([] {
    LogInfo("Admitted submission", {{"submission", "a/b"}, {"seconds", "1.2"}});
  });
  CHECK(line.substr(23) == "Z info \"Admitted submission\" submission=a/b seconds=1.2\n");
  CHECK(line.substr(4, 1) == "-");
  CHECK(Logged([] { LogWarning("Lost"); }).find(" warning \"Lost\"\n") != std::string::npos);
  CHECK(Logged([] { LogError("Lost"); }).find(" error \"Lost\"\n") != std::string::npos);
}

TEST_CASE("A value cannot forge a second line or field", "[base]") {
  const std::string line = Logged([] {
    LogInfo("Refused call",
            {{"what", "a\nb"}, {"who", "x=y z"}, {"empty", ""}, {"quote", "\""}, {"name", "Ṣọlá"}});
  });
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line.find(R"(what="a\nb" who="x=y z" empty="" quote="\"" name=Ṣọlá)") != std::string::npos);
}

}  // namespace
}  // namespace kalavai
