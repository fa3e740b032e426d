// Goal: the learning rate follows the paper's schedule; absurd settings are refused by name.
// Method: corner points of the schedule by hand; a table of one defect a row.
#include "common/model/hyperparameters.h"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The learning rate warms up linearly and falls along a cosine", "[model]") {
  const Hyperparameters h = {
      .learning_rate = 1.0, .warmup_steps = 10, .steps = 110, .final_fraction = 0.1};
  REQUIRE_NEAR(LearningRate(h, 0), 0.1, 1e-12);
  REQUIRE_NEAR(LearningRate(h, 9), 1.0, 1e-12);
  REQUIRE_NEAR(LearningRate(h, 10), 1.0, 1e-12);
  REQUIRE_NEAR(LearningRate(h, 60), 0.55, 1e-12);
  REQUIRE_NEAR(LearningRate(h, 110), 0.1, 1e-12);
  REQUIRE_NEAR(LearningRate(h, 5000), 0.1, 1e-12);
  const Hyperparameters cold = {.learning_rate = 2.0, .steps = 4};
  REQUIRE_NEAR(LearningRate(cold, 0), 2.0, 1e-12);
  REQUIRE_NEAR(LearningRate(cold, 2), 1.0, 1e-12);
}

TEST_CASE("Precisions have names, and other names are refused", "[model]") {
  for (const Precision precision : {Precision::kFloat32, Precision::kMixed, Precision::kPure}) {
    REQUIRE_OK_AND_ASSIGN(const Precision read, PrecisionFromName(NameOf(precision)));
    CHECK(read == precision);
  }
  REQUIRE_STATUS(PrecisionFromName("fp8"), absl::StatusCode::kInvalidArgument,
                 "HYPERPARAMETERS_INVALID");
}

TEST_CASE("Every absurd setting is refused by its name", "[model]") {
  struct Row {
    const char* field;
    std::function<void(Hyperparameters&)> damage;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Row> rows = {
      {"learning_rate", [](Hyperparameters& h) { h.learning_rate = -1e-5; }},
      {"learning_rate", [&](Hyperparameters& h) { h.learning_rate = nan; }},
      {"steps", [](Hyperparameters& h) { h.steps = 0; }},
      {"warmup_steps", [](Hyperparameters& h) { h.warmup_steps = 100; }},
      {"warmup_steps", [](Hyperparameters& h) { h.warmup_steps = -1; }},
      {"final_fraction", [](Hyperparameters& h) { h.final_fraction = 1.1; }},
      {"weight_decay", [&](Hyperparameters& h) { h.weight_decay = nan; }},
      {"beta1", [](Hyperparameters& h) { h.beta1 = 1.0; }},
      {"beta2", [](Hyperparameters& h) { h.beta2 = -0.1; }},
      {"epsilon", [](Hyperparameters& h) { h.epsilon = 0.0; }},
      {"clip", [](Hyperparameters& h) { h.clip = -1.0; }},
      {"freeze_depth", [](Hyperparameters& h) { h.freeze_depth = 4; }},
      {"micro_batch", [](Hyperparameters& h) { h.micro_batch = 0; }},
  };
  const ModelConfig config = {.layer_count = 4};
  REQUIRE_OK(Validate(Hyperparameters{.steps = 100}, config));
  for (const Row& row : rows) {
    INFO(row.field);
    Hyperparameters h = {.steps = 100};
    row.damage(h);
    const absl::Status status = Validate(h, config);
    REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "HYPERPARAMETERS_INVALID");
    CHECK(GetErrorDetail(status)->text.metadata.at("field") == row.field);
  }
}

}  // namespace
}  // namespace kalavai
