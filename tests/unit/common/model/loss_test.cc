// Goal: losses are the mean cross-entropy of the evaluation protocol, whatever the batch size.
// Method: the reference's loss (tests/golden), sums of the visited log-probabilities, a divergence
// computed by hand from full log-probabilities.
#include "common/model/loss.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/model/weights.h"
#include "tests/support/catch.h"
#include "tests/unit/common/model/gpt_neox_golden.h"

namespace kalavai {
namespace {

using testing::GoldenModelDir;
using testing::GoldenTensor;
using testing::GoldenTokens;

constexpr int64_t kChunk = 24;

Transformer LoadGolden(const std::string& variant) {
  auto model = LoadTransformer(GoldenModelDir(variant), {});
  REQUIRE_OK(model);
  return *std::move(model);
}

TEST_CASE("The mean loss equals the reference's for every batch size", "[model]") {
  for (const std::string variant : {"parallel", "sequential"}) {
    const Transformer model = LoadGolden(variant);
    const std::vector<int32_t> tokens = GoldenTokens(variant, "tokens");
    for (const int64_t batch : {1, 2, 8}) {
      REQUIRE_OK_AND_ASSIGN(const double loss, MeanLoss(model, {tokens, kChunk}, batch));
      REQUIRE_NEAR(loss, GoldenTensor(variant, "loss").item<double>(), 1e-5);
    }
  }
}

TEST_CASE("Visited batches cover all chunks in order with hidden states and trunk", "[model]") {
  const Transformer model = LoadGolden("parallel");
  const std::vector<int32_t> tokens = GoldenTokens("parallel", "training.batches");
  const ChunkSpan chunks = {tokens, kChunk};
  REQUIRE(chunks.count() == 40);
  int64_t next = 0;
  double sum = 0.0;
  std::vector<float> first_hidden;
  REQUIRE_OK(TokenLogProbs(model, chunks, {.batch = 16, .hidden = true, .trunk_depth = 1},
                           [&](const TokenBatch& batch) {
                             CHECK(batch.first_chunk == next);
                             next += batch.chunk_count;
                             const auto n = static_cast<size_t>(batch.chunk_count);
                             CHECK(batch.log_probs.size() == n * 23);
                             CHECK(batch.hidden.size() == n * 24 * 16);
                             CHECK(batch.trunk.size() == n * 24 * 16);
                             for (const float value : batch.log_probs) sum -= value;
                             if (batch.first_chunk == 0) {
                               first_hidden.assign(batch.hidden.begin(), batch.hidden.end());
                             }
                             return absl::OkStatus();
                           }));
  CHECK(next == 40);
  REQUIRE_OK_AND_ASSIGN(const double loss, MeanLoss(model, chunks, 16));
  REQUIRE_NEAR(sum / (40 * 23), loss, 1e-9);

  const c10::InferenceMode inference;
  REQUIRE_OK_AND_ASSIGN(const ForwardResult direct,
                        Forward(model, TokensOf(chunks, 0, 16), nullptr, {}));
  const float* expected = direct.hidden_BTD.const_data_ptr<float>();
  CHECK(std::equal(first_hidden.begin(), first_hidden.end(), expected));
}

TEST_CASE("A visitor's status ends the pass", "[model]") {
  const Transformer model = LoadGolden("parallel");
  const std::vector<int32_t> tokens = GoldenTokens("parallel", "training.batches");
  int calls = 0;
  const absl::Status status = TokenLogProbs(model, {tokens, kChunk}, {}, [&](const TokenBatch&) {
    ++calls;
    return absl::CancelledError("stop");
  });
  CHECK(status.code() == absl::StatusCode::kCancelled);
  CHECK(calls == 1);
}

TEST_CASE("The divergence is the mean of p (log p - log q), and 0 with oneself", "[model]") {
  const Transformer model = LoadGolden("parallel");
  REQUIRE_OK_AND_ASSIGN(const Transformer other, InitializeTransformer(model.config, 5));
  const std::vector<int32_t> tokens = GoldenTokens("parallel", "tokens");
  REQUIRE_OK_AND_ASSIGN(const double none, MeanKlDivergence(model, model, {tokens, kChunk}));
  REQUIRE_NEAR(none, 0.0, 1e-9);
  REQUIRE_OK_AND_ASSIGN(const double some, MeanKlDivergence(model, other, {tokens, kChunk}, 1));

  const c10::InferenceMode inference;
  const auto log_probs = [&](const Transformer& m) {
    const auto result = Forward(m, GoldenTensor("parallel", "tokens"), nullptr, {});
    REQUIRE_OK(result);
    return at::log_softmax(result->logits_BTV.narrow(1, 0, kChunk - 1), -1);
  };
  const at::Tensor p = log_probs(model);
  const at::Tensor q = log_probs(other);
  const double expected = (p.exp() * (p - q)).sum(-1).mean().item<double>();
  REQUIRE_NEAR(some, expected, 1e-4);
  CHECK(expected > 0.1);
}

TEST_CASE("Tokens that make no whole chunks are refused", "[model]") {
  const Transformer model = LoadGolden("parallel");
  const std::vector<int32_t> tokens(48, 1);
  const auto invalid = absl::StatusCode::kInvalidArgument;
  REQUIRE_STATUS(MeanLoss(model, {{}, kChunk}), invalid, "CHUNKS_INVALID");
  REQUIRE_STATUS(MeanLoss(model, {tokens, 0}), invalid, "CHUNKS_INVALID");
  REQUIRE_STATUS(MeanLoss(model, {tokens, 1}), invalid, "CHUNKS_INVALID");
  REQUIRE_STATUS(MeanLoss(model, {tokens, 36}), invalid, "CHUNKS_INVALID");
  REQUIRE_STATUS(MeanLoss(model, {tokens, kChunk}, 0), invalid, "CHUNKS_INVALID");
}

}  // namespace
}  // namespace kalavai
