// Goal: an error keeps its reason, why, fix and metadata through annotation.
// Method: build, annotate, read back.
#include "common/base/errors.h"

#include <cerrno>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("An error carries its reason, texts and metadata", "[base]") {
  const absl::Status status = MakeError(absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH",
                                        {.what = "base: a found; must equal b",
                                         .why = "lineage",
                                         .fix = "fetch",
                                         .metadata = {{"expected", "b"}}});
  const auto detail = GetErrorDetail(status);
  REQUIRE(detail.has_value());
  CHECK(detail->reason == "BASE_MISMATCH");
  CHECK(detail->text.what == "base: a found; must equal b");
  CHECK(detail->text.why == "lineage");
  CHECK(detail->text.fix == "fetch");
  CHECK(detail->text.metadata.at("expected") == "b");
}

TEST_CASE("Annotation keeps code and detail and leaves OK alone", "[base]") {
  const absl::Status status =
      MakeError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH", {.what = "x"});
  const absl::Status annotated = Annotate(status, "file y");
  CHECK(annotated.code() == absl::StatusCode::kDataLoss);
  CHECK(annotated.message() == "file y: x");
  CHECK(GetErrorReason(annotated) == "DIGEST_MISMATCH");
  CHECK(Annotate(absl::OkStatus(), "z").ok());
}

TEST_CASE("A plain status has no detail", "[base]") {
  CHECK_FALSE(GetErrorDetail(absl::InternalError("x")).has_value());
  CHECK(GetErrorReason(absl::OkStatus()).empty());
}

TEST_CASE("Errors of the operating system are typed and name the path", "[base]") {
  REQUIRE_STATUS(ErrnoError(ENOENT, "open", "/a"), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
  REQUIRE_STATUS(ErrnoError(ENOSPC, "write", "/a"), absl::StatusCode::kResourceExhausted,
                 "DISK_FULL");
  REQUIRE_STATUS(ErrnoError(EIO, "read", "/a"), absl::StatusCode::kInternal, "IO_ERROR");
  CHECK(ErrnoError(EIO, "read", "/a").message() == "read /a: Input/output error");
}

TEST_CASE("Invalid UTF-8 in a text does not break the error", "[base]") {
  const absl::Status status = MakeError(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                                        {.what = "\xff", .why = "\xc3"});
  CHECK(GetErrorReason(status) == "JSON_INVALID");
}

}  // namespace
}  // namespace kalavai
