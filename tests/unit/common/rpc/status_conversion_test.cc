// Goal: an error reaches the other side as it was written, and nothing internal leaves.
// Method: there and back through grpc::Status; texts too long, not UTF-8, internal.
#include "common/rpc/status_conversion.h"

#include <string>

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("An error of ours survives the wire whole") {
  const absl::Status sent = MakeError(absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH",
                                      {.what = "base digest: aa found; must equal bb",
                                       .why = "comparable only on one base",
                                       .fix = "run 'kalavai fetch'",
                                       .metadata = {{"expected", "bb"}, {"actual", "aa"}}});
  const absl::Status got = FromGrpcStatus(ToGrpcStatus(sent));
  REQUIRE(got.code() == sent.code());
  REQUIRE(got.message() == sent.message());
  const auto detail = GetErrorDetail(got);
  REQUIRE(detail.has_value());
  REQUIRE(detail->reason == "BASE_MISMATCH");
  REQUIRE(detail->text.why == "comparable only on one base");
  REQUIRE(detail->text.fix == "run 'kalavai fetch'");
  REQUIRE(detail->text.metadata.at("expected") == "bb");
  REQUIRE(detail->text.metadata.size() == 2);
  REQUIRE(FromGrpcStatus(ToGrpcStatus(absl::OkStatus())).ok());
}

TEST_CASE("Every code but the internal ones keeps its number") {
  for (int code = 1; code <= 16; ++code) {
    const auto value = static_cast<absl::StatusCode>(code);
    const absl::Status got = FromGrpcStatus(ToGrpcStatus(absl::Status(value, "text")));
    const bool masked = value == absl::StatusCode::kUnknown || value == absl::StatusCode::kInternal;
    INFO(code);
    REQUIRE(got.code() == (masked ? absl::StatusCode::kInternal : value));
    REQUIRE((got.message() == "text") == !masked);
  }
}

TEST_CASE("An internal error leaves a request id and nothing else") {
  const absl::Status got = FromGrpcStatus(ToGrpcStatus(
      MakeError(absl::StatusCode::kInternal, "DATABASE_ERROR", {.what = "SELECT secret"})));
  REQUIRE_STATUS(got, absl::StatusCode::kInternal, "INTERNAL");
  REQUIRE(got.ToString().find("SELECT") == std::string::npos);
  REQUIRE(GetErrorDetail(got)->text.metadata.at("request_id").size() == 16);
}

TEST_CASE("Long texts and bytes that are not UTF-8 fit the header block") {
  ErrorText text = {.what = "bad \xFF byte " + std::string(100'000, 'x'),
                    .why = std::string(100'000, 'y'),
                    .fix = "\xC3\xA9\xC3"};
  for (int i = 0; i < 100; ++i) text.metadata["key" + std::to_string(i)] = std::string(9000, 'z');
  const grpc::Status wire =
      ToGrpcStatus(MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID", text));
  REQUIRE(wire.error_message().size() == 1024);
  REQUIRE(wire.error_message().substr(0, 10) == "bad ? byte");
  REQUIRE(wire.error_details().size() < 8192);
  const auto detail = GetErrorDetail(FromGrpcStatus(wire));
  REQUIRE(detail.has_value());
  REQUIRE(detail->text.fix == "\xC3\xA9\xEF\xBF\xBD");  // replaced when the error was made
  REQUIRE(detail->text.why.size() == 512);
  REQUIRE(detail->text.metadata.size() == 16);
}

TEST_CASE("Details of another program are not taken for ours") {
  const absl::Status got =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::NOT_FOUND, "gone", "not a protobuf \x01\x02"));
  REQUIRE(got == absl::NotFoundError("gone"));
}

}  // namespace
}  // namespace kalavai
