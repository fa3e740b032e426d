// Goal: the speed of a step is measured without changing the model, also where the text is shorter
// than a batch. Method: a tiny model, weights compared before and after.
#include "common/training/step_speed.h"

#include <vector>

#include "common/model/weights.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

TEST_CASE("A step is timed on a copy", "[training]") {
  const testing::TempDir directory;
  testing::WriteTinyBase(directory.path(), 1);
  REQUIRE_OK_AND_ASSIGN(const Transformer model, LoadTransformer(directory.path(), {}));
  const at::Tensor before = model.embed_out_VD.clone();
  const std::vector<int32_t> tokens(3 * 16, 7);
  REQUIRE_OK_AND_ASSIGN(const double seconds,
                        MeasureStepSeconds(model, {.tokens = tokens, .chunk_length = 16}, 8,
                                           {.hyperparameters = {.steps = 10, .micro_batch = 4},
                                            .precision = Precision::kFloat32}));
  REQUIRE(seconds > 0);
  REQUIRE(seconds < 60);
  REQUIRE(at::equal(model.embed_out_VD, before));
}

}  // namespace
}  // namespace kalavai
