// Goal: a directory has one list of files, and no name in it has two readings.
// Method: real directories with every kind of entry, and tables of good and bad names.
#include "common/crypto/resource_list.h"

#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using testing::TempDir;
using testing::WriteFile;

std::vector<std::string> Names(const std::vector<Resource>& resources) {
  std::vector<std::string> names;
  for (const Resource& resource : resources) names.push_back(resource.name);
  return names;
}

TEST_CASE("A directory is listed bytewise by name, without git's files and the signature",
          "[crypto]") {
  const TempDir dir;
  for (const char* folder : {".git", "a", "empty", "sub/.git"}) {
    std::filesystem::create_directories(dir.File(folder));
  }
  for (const char* name : {"a/x", "a.json", "a-b", ".hidden", ".gitignore", ".git/config",
                           "sub/.git/config", "model.sig", "sub/model.sig", "é"}) {
    WriteFile(dir.File(name), name);
  }
  REQUIRE_OK_AND_ASSIGN(const std::vector<Resource> resources, EnumerateDirectory(dir.path()));
  CHECK(Names(resources) == std::vector<std::string>{".hidden", "a-b", "a.json", "a/x",
                                                     "sub/.git/config", "sub/model.sig", "é"});
  CHECK(resources[1].digest == Sha256Of("a-b"));
  REQUIRE_OK_AND_ASSIGN(const std::vector<Resource> all, EnumerateDirectory(dir.path(), "a/x"));
  CHECK(all.size() == resources.size());
  CHECK(EnumerateDirectory(dir.path(), "").value().size() == resources.size() + 1);
  REQUIRE_STATUS(EnumerateDirectory(dir.File("none")), StatusCode::kNotFound, "FILE_NOT_FOUND");
}

TEST_CASE("Links and special files are refused", "[crypto]") {
  for (const bool link : {true, false}) {
    const TempDir dir;
    WriteFile(dir.File("real"), "x");
    if (link) {
      REQUIRE(symlink("real", dir.File("link").c_str()) == 0);
    } else {
      REQUIRE(mkfifo(dir.File("pipe").c_str(), 0600) == 0);
    }
    REQUIRE_STATUS(EnumerateDirectory(dir.path()), StatusCode::kInvalidArgument,
                   "FILE_KIND_REFUSED");
  }
}

TEST_CASE("Names on disk that cannot be signed are refused", "[crypto]") {
  for (const char* name : {"a\\b", "a\nb", "\xff"}) {
    const TempDir dir;
    WriteFile(dir.File(name), "x");
    REQUIRE_STATUS(EnumerateDirectory(dir.path()), StatusCode::kInvalidArgument, "NAME_INVALID");
  }
  const TempDir dir;
  WriteFile(dir.File("README"), "x");
  WriteFile(dir.File("readme"), "x");
  REQUIRE_STATUS(EnumerateDirectory(dir.path()), StatusCode::kInvalidArgument, "NAME_INVALID");
}

TEST_CASE("A name is relative, canonical UTF-8", "[crypto]") {
  for (const char* name : {"a", "a/b", ".a", "...", "a b", "é/\xF0\x9F\x90\x8D", "a:b"}) {
    INFO(name);
    REQUIRE_OK(CheckResourceName(name));
  }
  for (const std::string& name :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
        std::string(".."), std::string("./a"), std::string("a/../b"), std::string("a\\b"),
        std::string("a\0b", 3), std::string("a\x7f"), std::string("\xc0\xaf"),
        std::string("\xed\xa0\x80"), std::string("\xf4\x90\x80\x80"), std::string("\xe2\x82"),
        std::string(1025, 'a')}) {
    INFO(name);
    REQUIRE_STATUS(CheckResourceName(name), StatusCode::kInvalidArgument, "NAME_INVALID");
  }
  const Digest digest;
  REQUIRE_OK(CheckResourceNames(std::vector<Resource>{{"a", digest}, {"b", digest}}));
  for (const char* second : {"a", "A"}) {
    REQUIRE_STATUS(CheckResourceNames(std::vector<Resource>{{"a", digest}, {second, digest}}),
                   StatusCode::kInvalidArgument, "NAME_INVALID");
  }
}

TEST_CASE("The root digest is that of the worked example", "[crypto]") {
  // config.json, model.safetensors, submission.json of the signing study, section 2.
  std::vector<Resource> resources;
  for (const char* hex : {"70653f84a76436d200c85c88332dca6eb4ac12f77a3a904cf87c3afb532e79c3",
                          "c8a522854264ba905de5847fdf75ead64b1b2d9071998edbd2b5ab8750652900",
                          "610e89fbad7b246514c2b0c89bb72eee1fa789120beee4bb6a72cd8efe9b113e"}) {
    resources.push_back({"name", Digest::FromHex(hex).value()});
  }
  CHECK(RootDigest(resources).Hex() ==
        "c04e4893248e1068cc1c3c1f119d9549fafd02ed87d170bbc758aacc055e99ed");
}

}  // namespace
}  // namespace kalavai
