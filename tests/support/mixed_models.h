// Tiny models with opinions of their own, and a probe text for them: for tests of mixtures. Only
// for files that see LibTorch.
#ifndef KALAVAI_TESTS_SUPPORT_MIXED_MODELS_H_
#define KALAVAI_TESTS_SUPPORT_MIXED_MODELS_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/seeded_random.h"
#include "common/model/weights.h"
#include "common/probe/logit_pass.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::testing {

// Models of fresh weights whose logits are scaled: 1e34 makes an absurd one, 3e39 overflows.
struct MixedModels {
  TempDir directory;
  std::vector<LogitPassModel> paths;
  std::vector<Transformer> loaded;

  explicit MixedModels(const std::vector<double>& scales) {
    const c10::InferenceMode inference;
    for (size_t i = 0; i < scales.size(); ++i) {
      const std::string path = directory.File(std::to_string(i));
      WriteTinyBase(path, 11 + i);
      Transformer model = LoadTransformer(path, {.type = WeightType::kFloat32}).value();
      model.embed_out_VD.mul_(std::sqrt(scales[i])).mul_(std::sqrt(scales[i]));  // as a float
      REQUIRE_OK(SaveTransformer(model, path, WeightType::kFloat32));
      paths.push_back({.directory = path, .digest = std::string(64, static_cast<char>('a' + i))});
      loaded.push_back(LoadTransformer(path, {.type = WeightType::kFloat32}).value());
    }
  }
};

// Chunks of random tokens: two domains of `chunks` evaluation chunks each.
inline ProbeText RandomProbe(int64_t chunks, int64_t chunk_tokens) {
  ProbeText probe;
  probe.chunk_tokens = chunk_tokens;
  probe.digest = std::string(64, '9');
  SeededRandom random(5);
  for (int32_t d = 0; d < 2; ++d) {
    probe.domains.push_back({.name = d == 0 ? "law" : "sea"});
    for (int64_t c = 0; c < chunks; ++c) {
      probe.chunk_domain.push_back(d);
      probe.chunk_part.push_back(ProbePart::kEvaluation);
      for (int64_t t = 0; t < chunk_tokens; ++t) {
        probe.tokens.push_back(static_cast<int32_t>(random.Below(280)));
      }
    }
  }
  return probe;
}

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_MIXED_MODELS_H_
