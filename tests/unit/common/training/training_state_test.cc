// Goal: a training state comes back bit for bit, and nothing else is ever continued.
// Method: a round trip; a table of damaged and foreign files.
#include "common/training/training_state.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

TrainingState Example() {
  TrainingState state;
  state.binding = std::string(64, 'a');
  state.parameters["w"] = at::tensor({1.5F, -2.0F, 1e-30F}).reshape({3, 1});
  state.parameters["b"] = at::tensor({0.5F}).to(at::kBFloat16);
  state.optimizer["optimizer.m.w"] = at::tensor({3.0F, 4.0F, 5.0F});
  state.best["w"] = at::tensor({9.0F, 8.0F, 7.0F}).reshape({3, 1});
  state.step = 7;
  state.batches = 8;
  state.best_step = 4;
  state.best_loss = 2.25;
  state.curve = {{0, 3.0}, {4, 2.25}, {6, 2.5}};
  state.seconds = 1.5;
  return state;
}

void RequireSame(const NamedTensors& a, const NamedTensors& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, tensor] : a) {
    REQUIRE(at::equal(tensor, b.at(name)));
    REQUIRE(tensor.scalar_type() == b.at(name).scalar_type());
  }
}

TEST_CASE("A training state survives its file", "[training]") {
  const TempDir directory;
  const TrainingState state = Example();
  REQUIRE_OK(SaveTrainingState(directory.File("state"), state));
  REQUIRE_OK_AND_ASSIGN(const TrainingState loaded,
                        LoadTrainingState(directory.File("state"), state.binding));
  RequireSame(loaded.parameters, state.parameters);
  RequireSame(loaded.optimizer, state.optimizer);
  RequireSame(loaded.best, state.best);
  REQUIRE(loaded.step == 7);
  REQUIRE(loaded.batches == 8);
  REQUIRE(loaded.best_step == 4);
  REQUIRE(loaded.best_loss == 2.25);
  REQUIRE(loaded.seconds == 1.5);
  REQUIRE(loaded.curve.size() == 3);
  REQUIRE(loaded.curve[1].step == 4);
  REQUIRE(loaded.curve[1].loss == 2.25);
}

TEST_CASE("A damaged state, or one of another run, is refused", "[training]") {
  const TempDir directory;
  const std::string path = directory.File("state");
  REQUIRE_OK(SaveTrainingState(path, Example()));
  REQUIRE_STATUS(LoadTrainingState(path, std::string(64, 'b')), absl::StatusCode::kInvalidArgument,
                 "TRAINING_STATE_INVALID");
  const std::string good = ReadFile(path);
  std::string no_number = good;
  no_number.replace(no_number.find("\"batches\":8"), 11, "\"batches\":3");
  std::string unknown = good;
  unknown.replace(unknown.find("best.w"), 6, "worst1");
  for (const std::string& bytes :
       {std::string(), std::string("x"), good.substr(0, good.size() - 1), no_number, unknown}) {
    WriteFile(path, bytes);
    REQUIRE_STATUS(LoadTrainingState(path, std::string(64, 'a')),
                   absl::StatusCode::kInvalidArgument, "TRAINING_STATE_INVALID");
  }
  REQUIRE_STATUS(LoadTrainingState(directory.File("absent"), std::string(64, 'a')),
                 absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai
