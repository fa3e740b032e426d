// Goal: lists of files print in their order; what is no directory is refused. Method: a list of
// two, and a directory, a file and nothing.
#include "contributor/checkpoint/resource_json.h"

#include "common/base/errors.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

TEST_CASE("Files print in the order given", "[checkpoint]") {
  const std::vector<Resource> files = {{"b", Sha256Of("1")}, {"a", Sha256Of("2")}};
  const nlohmann::json json = ToJson(files);
  REQUIRE(json.size() == 2);
  CHECK(json[0] == nlohmann::json{{"name", "b"}, {"sha256", Sha256Of("1").Hex()}});
  CHECK(json[1].at("name") == "a");
}

TEST_CASE("Only a directory is a directory", "[checkpoint]") {
  const testing::TempDir directory;
  testing::WriteFile(directory.File("f"), "x");
  CHECK(RequireDirectory(directory.path()).ok());
  CHECK(GetErrorReason(RequireDirectory(directory.File("f"))) == "NOT_A_DIRECTORY");
  CHECK(GetErrorReason(RequireDirectory(directory.File("absent"))) == "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai::contributor
