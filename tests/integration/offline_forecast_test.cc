// Goal: both programs answer the same on a file of losses, to the last bit, without a coordinator.
// Method: both as processes on every published matrix, with every flag, and on what a person may
// type wrong.
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::ProcessResult;

const char* const kPrograms[] = {"kalavai", "kalavai-coordinator"};

ProcessResult Run(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), absl::StrCat(KALAVAI_PROGRAMS, "/", program));
  arguments.insert(arguments.end(), {"--format", "json"});
  return testing::RunProcess(arguments);
}

// What both programs answer, with this exit code.
std::string Both(const std::vector<std::string>& arguments, int code = 0) {
  std::string answers[2];
  for (const size_t k : {size_t{0}, size_t{1}}) {
    const ProcessResult result = Run(kPrograms[k], arguments);
    INFO(result.error);
    REQUIRE(result.code == code);
    answers[k] = result.out;
  }
  REQUIRE(answers[0] == answers[1]);
  return answers[0];
}

void CheckRefused(const std::vector<std::string>& arguments, const std::string& reason, int code) {
  for (const char* program : kPrograms) {
    const ProcessResult result = Run(program, arguments);
    INFO(result.error);
    CHECK(result.code == code);
    CHECK(result.out.empty());
    const nlohmann::json error = nlohmann::json::parse(result.error);
    CHECK(error.at("reason") == reason);
    CHECK_FALSE(error.at("fix").get<std::string>().empty());
  }
}

TEST_CASE("Both programs say of every published matrix what exact arithmetic says", "[offline]") {
  const testing::TempDir directory;
  const nlohmann::json golden = nlohmann::json::parse(
      testing::ReadFile(absl::StrCat(KALAVAI_GOLDEN_DIR, "/forecast/published_conditions.json")));
  const std::string path = directory.File("losses.json");
  int conditions = 0;
  for (const nlohmann::json& condition : golden.at("conditions")) {
    INFO(condition.at("id"));
    testing::WriteFile(path, condition.at("losses").dump());
    const nlohmann::json answer = nlohmann::json::parse(Both({"predict", "--offline", path}));
    const nlohmann::json& design = condition.at("design");
    for (const char* field : {"coverage_gain_percent", "oracle_gain_percent",
                              "realised_gain_percent", "mean_divergence_percent"}) {
      REQUIRE_NEAR(answer.at(field).get<double>(), design.at(field).get<double>(), 2e-11);
    }
    CHECK(answer.at("best_specialist") == design.at("best_specialist"));
    ++conditions;
  }
  CHECK(conditions == 27);
}

TEST_CASE("Flags change the answer as documented", "[offline]") {
  const testing::TempDir directory;
  const std::string path = directory.File("losses.json");
  testing::WriteFile(path, R"({"base":{"a":3,"b":4},"specialists":)"
                           R"({"a":{"a":2,"b":4},"b":{"a":3,"b":3}},"fused":{"a":2,"b":3}})");
  CHECK(nlohmann::json::parse(Both({"predict", "--offline", path, "--check"})).at("verdict") ==
        "GO");
  const nlohmann::json asked = nlohmann::json::parse(
      Both({"predict", "--offline", path, "--without", "a", "--with-planned", "c:5:5"}));
  CHECK(asked.at("realised_gain_percent").is_null());
  CHECK(asked.at("divergence_percent").at("planned c") == 0);
  CHECK(asked.at("verdict") == "UNSURE");  // its row is an assumption
  const nlohmann::json refused = nlohmann::json::parse(Both(
      {"predict", "--offline", path, "--without", "a", "--with-planned", "c:5:5", "--check"}, 1));
  CHECK(refused.at("verdict") == "UNSURE");  // the answer stays on standard output
  CHECK(nlohmann::json::parse(Both({"matrix", "--offline", path})).at("rows").size() == 4);
  CHECK(nlohmann::json::parse(Both({"credit", "--offline", path})).at("total_nats") == 1);
}

TEST_CASE("What is typed wrong is refused with a reason and a way out", "[offline]") {
  const testing::TempDir directory;
  const std::string path = directory.File("losses.json");
  testing::WriteFile(path, R"({"base":{"a":3},"specialists":{"a":{"a":2}}})");
  CheckRefused({"predict", "--offline", path}, "NOT_ENOUGH_SPECIALISTS", 1);
  CheckRefused({"credit", "--offline", directory.File("absent.json")}, "FILE_NOT_FOUND", 1);
  CheckRefused({"matrix", "--offline", directory.path()}, "FILE_KIND_REFUSED", 1);
  CheckRefused({"predict", "--offline", path, "--calibration", "own"}, "CALIBRATION_UNKNOWN", 1);
  CheckRefused({"predict", "--offline", path, "--calibration", "mine"}, "USAGE", 2);
  CheckRefused({"predict", "--offline"}, "USAGE", 2);
}

}  // namespace
}  // namespace kalavai
