// Goal: no request with bytes that are not UTF-8 is sent, and the field is named. Method: strings
// of every kind of field (single, repeated, nested) with every kind of broken sequence.
#include "common/rpc/request_texts.h"

#include <string>

#include "common/base/errors.h"
#include "kalavai/v1/cooperative.pb.h"
#include "kalavai/v1/inference.pb.h"
#include "kalavai/v1/submission.pb.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST_CASE("Every string of a request must be UTF-8", "[rpc]") {
  v1::WithdrawContributorRequest request;
  REQUIRE_OK(CheckRequestTexts(request));
  for (const std::string text : {"", "ended", "уход", "走", "\xf0\x9f\x98\x80"}) {
    request.set_comment(text);
    REQUIRE_OK(CheckRequestTexts(request));
  }
  for (const std::string text : {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80"}) {
    request.set_comment("ok " + text);
    const absl::Status status = CheckRequestTexts(request);
    REQUIRE_STATUS(status, kInvalid, "FIELD_INVALID");
    CHECK(GetErrorDetail(status)->text.metadata.at("field") == "comment");
    CHECK(GetErrorDetail(status)->text.metadata.at("offset") == "3");
  }
  v1::GenerateRequest generate;
  generate.add_stop("end");
  generate.add_stop("\xff");
  REQUIRE_STATUS(CheckRequestTexts(generate), kInvalid, "FIELD_INVALID");
  v1::DeclareFilesRequest declare;
  declare.add_files()->set_path("model.safetensors");
  REQUIRE_OK(CheckRequestTexts(declare));
  declare.add_files()->set_path("\xfe");
  const absl::Status nested = CheckRequestTexts(declare);
  REQUIRE_STATUS(nested, kInvalid, "FIELD_INVALID");
  CHECK(GetErrorDetail(nested)->text.metadata.at("field") == "files.path");
  // Bytes are bytes.
  v1::WriteUploadRequest write;
  write.set_data("\xff\xfe");
  REQUIRE_OK(CheckRequestTexts(write));
}

}  // namespace
}  // namespace kalavai
