// Goal: what is free is the least of what the machine has and what each group still allows.
// Method: texts of /proc, a tree of groups made here, and this machine's own answer.
#include "common/base/machine_memory.h"

#include <filesystem>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::WriteFile;

TEST_CASE("Available memory is read from /proc/meminfo") {
  REQUIRE(ParseMemAvailable("MemTotal: 9 kB\nMemAvailable:   2048 kB\nBuffers: 1 kB\n") ==
          2048 * 1024);
  for (const char* text : {"", "MemTotal: 9 kB\n", "MemAvailable: x kB\n", "MemAvailable: 9\n"}) {
    REQUIRE_FALSE(ParseMemAvailable(text).has_value());
  }
}

TEST_CASE("The process's group is the one of version 2") {
  CHECK(ParseControlGroup("0::/system.slice/kalavai.service\n") == "/system.slice/kalavai.service");
  CHECK(ParseControlGroup("12:cpu:/a\n0::/b\n") == "/b");
  for (const char* text : {"", "12:memory:/a\n", "0::\n"}) CHECK(ParseControlGroup(text) == "/");
}

TEST_CASE("The tightest group counts, without what the kernel would drop") {
  const testing::TempDir root;
  const std::string service = root.File("system.slice/kalavai.service");
  std::filesystem::create_directories(service);
  CHECK_FALSE(ControlGroupFree(root.path(), "/system.slice/kalavai.service").has_value());
  WriteFile(service + "/memory.max", "max\n");
  WriteFile(service + "/memory.current", "700\n");
  CHECK_FALSE(ControlGroupFree(root.path(), "/system.slice/kalavai.service").has_value());
  WriteFile(service + "/memory.max", "1000\n");
  CHECK(ControlGroupFree(root.path(), "/system.slice/kalavai.service") == 300);
  WriteFile(service + "/memory.stat", "anon 400\nfile 300\ninactive_file 250\nslab 1\n");
  CHECK(ControlGroupFree(root.path(), "system.slice/kalavai.service") == 550);
  WriteFile(root.File("system.slice/memory.max"), "800\n");
  WriteFile(root.File("system.slice/memory.current"), "790\n");
  CHECK(ControlGroupFree(root.path(), "/system.slice/kalavai.service") == 10);
  CHECK(ControlGroupFree(root.path(), "/system.slice") == 10);
  CHECK(ControlGroupFree(root.path(), "/system.slice/gone") == 10);
  CHECK_FALSE(ControlGroupFree(root.path(), "/").has_value());
  CHECK(ControlGroupFree(service, "/../other") == 550);  // a container: the root is its own group
  WriteFile(service + "/memory.current", "5000\n");      // lowered while it ran
  CHECK(ControlGroupFree(service, "/") == 0);
  for (const char* odd : {"", "x\n", "-1\n", "1e3\n"}) {
    WriteFile(service + "/memory.max", odd);
    CHECK_FALSE(ControlGroupFree(service, "/").has_value());
  }
}

TEST_CASE("This machine has some memory") {
  REQUIRE(FreeMemory().has_value());
  CHECK(*FreeMemory() > 0);
}

}  // namespace
}  // namespace kalavai
