// Goal: the commands on a file answer, warn of perplexities and refuse what they cannot know.
// Method: files in a temporary directory; the console's streams are read back.
#include "common/prediction/offline_forecast.h"

#include <sstream>
#include <string>

#include "absl/strings/match.h"

#include "common/storage/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

constexpr char kLosses[] =
    R"({"base":{"a":3,"b":4},"specialists":{"a":{"a":2,"b":4},"b":{"a":3,"b":3}}})";
constexpr char kNoGain[] =
    R"({"base":{"a":3,"b":4},"specialists":{"a":{"a":3,"b":4},"b":{"a":3,"b":4}}})";

struct Ground {
  std::string Write(const std::string& text) const {
    const std::string path = directory.path() + "/losses.json";
    REQUIRE_OK(WriteFileAtomically(path, text));
    return path;
  }
  testing::TempDir directory;
  std::ostringstream out = {};
  std::ostringstream error = {};
  Console console{OutputFormat::kJson, false, false, out, error};
};

TEST_CASE("predict answers in JSON, and --check turns NO_GO into an error", "[prediction]") {
  Ground go;
  REQUIRE_OK(PredictOffline({.file = go.Write(kLosses), .check = true}, go.console));
  CHECK(nlohmann::json::parse(go.out.str()).at("verdict") == "GO");
  CHECK(go.error.str().empty());
  Ground no_go;
  const std::string path = no_go.Write(kNoGain);
  REQUIRE_STATUS(PredictOffline({.file = path, .check = true}, no_go.console),
                 absl::StatusCode::kFailedPrecondition, "PREDICTION_NOT_GO");
  CHECK(nlohmann::json::parse(no_go.out.str()).at("verdict") == "NO_GO");
  Ground answered;
  REQUIRE_OK(PredictOffline({.file = answered.Write(kNoGain)}, answered.console));
}

TEST_CASE("The line is fitted on the points that were asked for", "[prediction]") {
  double gains[2] = {};
  for (const int k : {0, 1}) {
    Ground ground;
    REQUIRE_OK(PredictOffline(
        {.file = ground.Write(kLosses), .calibration = k == 0 ? "published6" : "published8"},
        ground.console));
    gains[k] = nlohmann::json::parse(ground.out.str()).at("line").at("gain_percent");
  }
  const double divergence = 100 * (1.0 / 3 + 0.25) / 2;
  REQUIRE_NEAR(gains[0], 0.8170 * divergence - 2.7237, 2e-3);
  REQUIRE_NEAR(gains[1], 0.8335 * divergence - 2.7956, 2e-3);
  Ground ground;
  REQUIRE_STATUS(
      PredictOffline({.file = ground.Write(kLosses), .calibration = "own"}, ground.console),
      absl::StatusCode::kInvalidArgument, "CALIBRATION_UNKNOWN");
}

TEST_CASE("Losses that look like perplexities are warned of", "[prediction]") {
  Ground ground;
  REQUIRE_OK(MatrixOffline(
      ground.Write(
          R"({"base":{"a":31,"b":4},"specialists":{"a":{"a":2,"b":4},"b":{"a":3,"b":3}}})"),
      ground.console));
  CHECK(absl::StrContains(ground.error.str(), "perplexities"));
}

TEST_CASE("matrix and credit read the same file", "[prediction]") {
  Ground ground;
  REQUIRE_OK(MatrixOffline(ground.Write(kLosses), ground.console));
  CHECK(nlohmann::json::parse(ground.out.str()).at("rows").size() == 3);
  Ground credit;
  REQUIRE_OK(CreditOffline(credit.Write(kLosses), credit.console));
  CHECK(nlohmann::json::parse(credit.out.str()).at("members").size() == 2);
  REQUIRE_STATUS(CreditOffline("/nowhere", credit.console), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  REQUIRE_STATUS(CreditOffline(credit.directory.path(), credit.console),
                 absl::StatusCode::kInvalidArgument, "FILE_KIND_REFUSED");
  const std::string large(size_t{1} << 21, ' ');
  REQUIRE_STATUS(CreditOffline(credit.Write(large), credit.console),
                 absl::StatusCode::kInvalidArgument, "FILE_TOO_LARGE");
}

}  // namespace
}  // namespace kalavai
