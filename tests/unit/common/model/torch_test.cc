// Goal: no exception of the tensor library leaves common/model.
// Method: operations that must throw, inside CatchTorch.
#include "common/model/torch.h"

#include "absl/status/status.h"

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("What the tensor library throws becomes a status", "[model]") {
  const auto broken = CatchTorch("add", [] {
    at::add(at::zeros({2}), at::zeros({3}));
    return absl::OkStatus();
  });
  REQUIRE_STATUS(broken, absl::StatusCode::kInternal, "TORCH_FAILED");
  const auto huge = CatchTorch("allocate", [] {
    at::empty({int64_t{1} << 50}, at::kFloat);
    return absl::OkStatus();
  });
  REQUIRE_STATUS(huge, absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY");
}

TEST_CASE("A status passes through unchanged", "[model]") {
  CHECK(CatchTorch("nothing", [] { return absl::OkStatus(); }).ok());
  const auto refused = CatchTorch("refuse", [] { return absl::CancelledError("stop"); });
  CHECK(refused.code() == absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace kalavai
