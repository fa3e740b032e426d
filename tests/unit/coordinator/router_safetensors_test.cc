// Goal: a router returns from its file with the same bits, and a file that is none is refused.
// Method: round trips of numbers that lose bits in text; files of another dtype and of no tensors.
#include "coordinator/router_safetensors.h"

#include <limits>
#include <span>
#include <vector>

#include "common/safetensors/writer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

RouterParameters Learned() {
  RouterParameters router;
  router.experts = 3;
  router.rung = RouterRung::kTrained;
  router.alpha = 1.0 / 3;
  router.transform = {.width = 2, .features = 1, .matrix = {0.1, -1e-300, 7}};
  router.weight = {1.0 / 7, -0.0, std::numeric_limits<double>::denorm_min()};
  router.bias = {0, 1e300, -2.5};
  return router;
}

TEST_CASE("A router comes back with the same bits, and equal routers are equal files") {
  const testing::TempDir temp;
  const std::string path = temp.File(kRouterFile);
  const RouterParameters router = Learned();
  REQUIRE_OK(WriteRouter(path, router));
  REQUIRE_OK_AND_ASSIGN(const RouterParameters back, ReadRouter(path));
  CHECK(back.experts == router.experts);
  CHECK(back.rung == router.rung);
  CHECK(back.alpha == router.alpha);
  CHECK(back.transform.matrix == router.transform.matrix);
  CHECK(back.weight == router.weight);
  CHECK(std::signbit(back.weight[1]));
  CHECK(back.bias == router.bias);
  REQUIRE_OK(WriteRouter(temp.File("again"), back));
  CHECK(testing::ReadFile(temp.File("again")) == testing::ReadFile(path));

  REQUIRE_OK(WriteRouter(path, UniformRouter(5)));
  REQUIRE_OK_AND_ASSIGN(const RouterParameters uniform, ReadRouter(path));
  CHECK(uniform.experts == 5);
  CHECK(uniform.rung == RouterRung::kUniform);
}

TEST_CASE("An invalid router is not written, and what is no router is not read") {
  const testing::TempDir temp;
  const std::string path = temp.File(kRouterFile);
  RouterParameters router = Learned();
  router.bias.pop_back();
  REQUIRE_STATUS(WriteRouter(path, router), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
  REQUIRE_STATUS(ReadRouter(path), absl::StatusCode::kNotFound, "FILE_NOT_FOUND");

  const std::vector<float> values(8, 1.0F);
  REQUIRE_OK(WriteSafetensors(path, {{.name = "router.scalars",
                                      .dtype = Dtype::kF32,
                                      .shape = {8},
                                      .bytes = std::as_bytes(std::span(values))}}));
  REQUIRE_STATUS(ReadRouter(path), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
  REQUIRE_OK(WriteSafetensors(
      path, {{.name = "router.bias", .dtype = Dtype::kF64, .shape = {0}, .bytes = {}}}));
  REQUIRE_STATUS(ReadRouter(path), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
  REQUIRE_OK(WriteSafetensors(path, {}));
  REQUIRE_STATUS(ReadRouter(path), absl::StatusCode::kInvalidArgument, "ROUTER_INVALID");
  testing::WriteFile(path, "not safetensors at all");
  REQUIRE_STATUS(ReadRouter(path), absl::StatusCode::kInvalidArgument,
                 "SAFETENSORS_HEADER_TOO_LARGE");
}

}  // namespace
}  // namespace kalavai::coordinator
