// Goal: nothing leaves a member's machine that it did not sign for the submission, whatever a
// coordinator asks for.
// Method: a table of questions beside a submission of two files.
#include "contributor/submission/files_to_send.h"

#include <functional>

#include "tests/support/catch.h"

namespace kalavai::contributor {
namespace {

BuiltSubmission TwoFiles() {
  return {.directory = "submission",
          .root_digest = Sha256Of("root"),
          .files = {{.path = "config.json", .size_bytes = 2, .digest = Sha256Of("{}")},
                    {.path = "model.safetensors", .size_bytes = 7, .digest = Sha256Of("weights")}}};
}

v1::FileDigest Asked(const BuiltFile& file) {
  v1::FileDigest asked;
  asked.set_path(file.path);
  asked.set_size_bytes(file.size_bytes);
  asked.set_sha256(file.digest.Hex());
  return asked;
}

TEST_CASE("What was declared is sent, in the order it is asked for", "[contributor]") {
  const BuiltSubmission built = TwoFiles();
  v1::DeclareFilesResponse missing;
  REQUIRE_OK_AND_ASSIGN(const auto nothing, FilesToSend(built, missing));
  CHECK(nothing.empty());
  *missing.add_missing_files() = Asked(built.files[1]);
  *missing.add_missing_files() = Asked(built.files[0]);
  REQUIRE_OK_AND_ASSIGN(const auto files, FilesToSend(built, missing));
  REQUIRE(files.size() == 2);
  CHECK(files[0].path == "model.safetensors");
  CHECK(files[0].digest == built.files[1].digest);
  CHECK(files[1].path == "config.json");
}

TEST_CASE("A coordinator that asks for anything else gets nothing", "[contributor]") {
  const BuiltSubmission built = TwoFiles();
  const std::function<void(v1::FileDigest&)> questions[] = {
      [](v1::FileDigest& file) { file.set_path("../keys/signing_key.pem"); },
      [](v1::FileDigest& file) { file.set_path("/etc/passwd"); },
      [](v1::FileDigest& file) { file.set_path("./model.safetensors"); },
      [](v1::FileDigest& file) { file.set_path(std::string("model.safetensors\0", 18)); },
      [](v1::FileDigest& file) { file.set_path(""); },
      [](v1::FileDigest& file) { file.set_path("config.json"); },
      [](v1::FileDigest& file) { file.set_size_bytes(6); },
      [](v1::FileDigest& file) { file.set_size_bytes(-1); },
      [](v1::FileDigest& file) { file.set_sha256(Digest().Hex()); },
      [](v1::FileDigest& file) { file.clear_sha256(); },
  };
  for (const auto& change : questions) {
    v1::DeclareFilesResponse missing;
    *missing.add_missing_files() = Asked(built.files[0]);
    v1::FileDigest& asked = *missing.add_missing_files();
    asked = Asked(built.files[1]);
    change(asked);
    INFO(missing.ShortDebugString());
    REQUIRE_STATUS(FilesToSend(built, missing), absl::StatusCode::kPermissionDenied,
                   "FILE_NOT_OFFERED");
  }
  v1::DeclareFilesResponse twice;
  *twice.add_missing_files() = Asked(built.files[0]);
  *twice.add_missing_files() = Asked(built.files[0]);
  REQUIRE_STATUS(FilesToSend(built, twice), absl::StatusCode::kPermissionDenied,
                 "FILE_NOT_OFFERED");
}

}  // namespace
}  // namespace kalavai::contributor
