// Goal: --device takes cpu and cuda, keeps the command's default, and refuses anything else.
// Method: parse command lines with an option added to a bare parser.
#include "common/cli/device_option.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::string Parsed(std::vector<std::string> words) {
  CLI::App app;
  std::string device = "cpu";
  AddDeviceOption(app, &device);
  try {
    app.parse(std::move(words));  // words in reverse, as CLI11 takes them
  } catch (const CLI::ParseError&) {
    return "refused";
  }
  return device;
}

TEST_CASE("A device is cpu, by default, or cuda", "[cli]") {
  CHECK(Parsed({}) == "cpu");
  CHECK(Parsed({"cpu", "--device"}) == "cpu");
  CHECK(Parsed({"cuda", "--device"}) == "cuda");
  CHECK(Parsed({"gpu", "--device"}) == "refused");
  CHECK(Parsed({"--device"}) == "refused");
}

TEST_CASE("The help says what was not tested", "[cli]") {
  CLI::App app;
  std::string device = "cpu";
  AddDeviceOption(app, &device);
  CHECK(app.help().find("cuda: written, not tested") != std::string::npos);
}

}  // namespace
}  // namespace kalavai
