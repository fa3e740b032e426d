// Goal: a device that is not there is refused with a reason and a way out; the processor always is.
// Method: open by name; machines with a working GPU skip the refusal, with a message.
#include "common/model/device.h"

#include <string>

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The processor is always there", "[model]") {
  const auto device = OpenDevice("cpu");
  REQUIRE(device.ok());
  CHECK(*device == Device::kCpu);
  CHECK(NameOf(*device) == "cpu");
}

TEST_CASE("Without CUDA's libraries or a GPU the device is refused, every time", "[model]") {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto device = OpenDevice("cuda");
    if (device.ok()) {
      WARN("a GPU is here: the refusal is not tested");
      CHECK(*device == Device::kCuda);
      return;
    }
    CHECK(device.status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(GetErrorReason(device.status()) == "DEVICE_UNAVAILABLE");
    const std::string message(device.status().message());
    CHECK(message.find("device cuda: ") != std::string::npos);
    // The loader's own words, or the count of GPUs.
    CHECK((message.find(".so") != std::string::npos ||
           message.find("no CUDA device") != std::string::npos));
  }
}

TEST_CASE("Other names are refused and the allowed ones named", "[model]") {
  for (const char* name : {"", "gpu", "CUDA", "cuda:1", "cpu "}) {
    const auto device = OpenDevice(name);
    INFO(name);
    REQUIRE_FALSE(device.ok());
    CHECK(device.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(GetErrorReason(device.status()) == "FIELD_INVALID");
    const std::string message(device.status().message());
    CHECK(message.find("'cpu' or 'cuda'") != std::string::npos);
  }
}

}  // namespace
}  // namespace kalavai
