// The published loss matrices of tests/golden/forecast as files of losses, for tests.
#ifndef KALAVAI_TESTS_UNIT_COMMON_FORECAST_PUBLISHED_CONDITIONS_H_
#define KALAVAI_TESTS_UNIT_COMMON_FORECAST_PUBLISHED_CONDITIONS_H_

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/forecast/forecast_file.h"
#include "tests/support/catch.h"

namespace kalavai {

struct PublishedCondition {
  std::string id;
  ForecastFile file;
  nlohmann::json printed;  // the figures of the source, rounded as it prints them
  nlohmann::json design;   // by design §2, in exact fractions (make_golden.py)
};

inline std::vector<PublishedCondition> PublishedConditions() {
  std::ifstream stream(std::string(KALAVAI_GOLDEN_DIR) + "/forecast/published_conditions.json");
  REQUIRE(stream.good());
  std::vector<PublishedCondition> conditions;
  const nlohmann::json golden = nlohmann::json::parse(stream);
  for (const nlohmann::json& entry : golden.at("conditions")) {
    REQUIRE_OK_AND_ASSIGN(ForecastFile file, ReadForecastFile(entry.at("losses").dump()));
    conditions.push_back(
        {entry.at("id"), std::move(file), entry.at("printed"), entry.at("design")});
  }
  REQUIRE(conditions.size() == 27);
  return conditions;
}

}  // namespace kalavai

#endif  // KALAVAI_TESTS_UNIT_COMMON_FORECAST_PUBLISHED_CONDITIONS_H_
