// Goal: the pass gives what a plain double computation over whole distributions gives, whole and
// spliced texts alike, and one that ended anywhere goes on to the same bits.
// Method: tiny models with logits of different sizes, one of them absurd; random texts and weights.
#include "common/probe/logit_pass.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "common/base/limits.h"
#include "common/model/forward.h"
#include "common/model/loss.h"
#include "tests/support/mixed_models.h"

namespace kalavai {
namespace {

constexpr size_t kRows = 15;
const std::vector<int32_t> kChunks = {0, 2, 3, 5};  // of a probe text of six

std::vector<float> RandomWeights(size_t experts, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<float> weights;
  for (size_t t = 0; t < kRows; ++t) {
    std::vector<double> row;
    double sum = 0;
    for (size_t i = 0; i < experts; ++i) {
      row.push_back(random.Uniform());
      sum += row.back();
    }
    for (const double value : row) weights.push_back(static_cast<float>(value / sum));
  }
  return weights;
}

// Every chunk whole with two gates, and two texts spliced from them.
std::vector<WeighedText> Texts(size_t experts) {
  std::vector<WeighedText> texts;
  for (uint64_t gate = 0; gate < 2; ++gate) {
    for (int64_t c = 0; c < 4; ++c) {
      texts.push_back({{c, c}, RandomWeights(experts, 10 * gate + static_cast<uint64_t>(c))});
    }
    texts.push_back({{0, 3}, RandomWeights(experts, 70 + gate)});
    texts.push_back({{3, 1}, RandomWeights(experts, 80 + gate)});
  }
  return texts;
}

// logits [n][T][V] of one chunk, as each model gives them.
std::vector<std::vector<std::vector<double>>> LogitsOf(const testing::MixedModels& models,
                                                       const ProbeText& probe, int32_t chunk) {
  const c10::InferenceMode inference;
  std::vector<std::vector<std::vector<double>>> all;
  for (const Transformer& model : models.loaded) {
    const at::Tensor tokens =
        TokensOf({.tokens = probe.Chunk(chunk), .chunk_length = probe.chunk_tokens}, 0, 1);
    REQUIRE_OK_AND_ASSIGN(const ForwardResult result, Forward(model, tokens, nullptr, {}));
    const at::Tensor logits = result.logits_BTV[0].to(at::kDouble).contiguous();
    std::vector<std::vector<double>>& rows = all.emplace_back();
    for (int64_t t = 0; t < static_cast<int64_t>(kRows); ++t) {
      const double* const row = logits[t].const_data_ptr<double>();
      rows.emplace_back(row, row + logits.size(1));
    }
  }
  return all;
}

double PlainLogProb(const testing::MixedModels& models, const ProbeText& probe,
                    const WeighedText& text, size_t t) {
  const int64_t position = t < kRows / 2 ? text.source.first : text.source.second;
  const int32_t chunk = kChunks[static_cast<size_t>(position)];
  const auto logits = LogitsOf(models, probe, chunk);
  const size_t vocabulary = logits[0][t].size();
  std::vector<double> mixed(vocabulary, 0);
  for (size_t i = 0; i < logits.size(); ++i) {
    const double weight = static_cast<double>(text.weights[t * logits.size() + i]);
    for (size_t v = 0; v < vocabulary; ++v) mixed[v] += weight * logits[i][t][v];
  }
  const double high = *std::max_element(mixed.begin(), mixed.end());
  double sum = 0;
  for (const double value : mixed) sum += std::exp(value - high);
  const auto target = static_cast<size_t>(probe.Chunk(chunk)[t + 1]);
  return mixed[target] - high - std::log(sum);
}

TEST_CASE("The pass gives log softmax of the weighed logits, token by token", "[probe]") {
  const testing::MixedModels models({1, 20, 40});
  const ProbeText probe = testing::RandomProbe(3, kRows + 1);
  const std::vector<WeighedText> texts = Texts(3);
  REQUIRE_OK_AND_ASSIGN(const auto log_prob, RunLogitPass(models.paths, probe, kChunks, texts, {}));
  REQUIRE(log_prob.size() == texts.size());
  for (const size_t k : {0U, 3U, 4U, 5U, 6U, 11U}) {
    REQUIRE(log_prob[k].size() == kRows);
    for (size_t t = 0; t < kRows; ++t) {
      INFO("text " << k << ", row " << t);
      REQUIRE_NEAR(log_prob[k][t], PlainLogProb(models, probe, texts[k], t), 1e-5);
    }
  }
}

TEST_CASE("An absurd expert costs a mixture of logits more than it can cost probabilities",
          "[probe]") {
  const testing::MixedModels models({1, 1e34});
  const ProbeText probe = testing::RandomProbe(3, kRows + 1);
  WeighedText text{.source = {0, 0}, .weights = {}};
  for (size_t t = 0; t < kRows; ++t) {
    text.weights.push_back(0.99F);
    text.weights.push_back(0.01F);
  }
  REQUIRE_OK_AND_ASSIGN(const auto mixed,
                        RunLogitPass(models.paths, probe, kChunks, std::span(&text, 1), {}));
  std::fill(text.weights.begin(), text.weights.end(), 0.0F);
  for (size_t t = 0; t < kRows; ++t) text.weights[2 * t] = 1;
  REQUIRE_OK_AND_ASSIGN(const auto alone,
                        RunLogitPass(models.paths, probe, kChunks, std::span(&text, 1), {}));
  for (size_t t = 0; t < kRows; ++t) {
    CHECK(std::isfinite(mixed[0][t]));
    // Probabilities would lose at most -log 0.99 = 0.01 nats against the sane expert.
    CHECK(mixed[0][t] < alone[0][t] - 1e6F);
  }
}

TEST_CASE("An expert that overflows is named, not averaged away", "[probe]") {
  const testing::MixedModels models({1, 3e39});
  const ProbeText probe = testing::RandomProbe(3, kRows + 1);
  REQUIRE_STATUS(RunLogitPass(models.paths, probe, kChunks, Texts(2), {}),
                 absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE");
}

TEST_CASE("A judging that ended anywhere goes on from there to the same bits", "[probe]") {
  const testing::MixedModels models({1, 20});
  const ProbeText probe = testing::RandomProbe(3, kRows + 1);
  const std::vector<WeighedText> texts = Texts(2);
  REQUIRE_OK_AND_ASSIGN(const auto straight, RunLogitPass(models.paths, probe, kChunks, texts, {}));
  for (const int64_t stop : {1, 2, 4}) {
    CAPTURE(stop);
    const std::string journal = models.directory.File("journal" + std::to_string(stop));
    const auto run = [&](std::span<const WeighedText> of,
                         const std::function<absl::Status(int64_t)>& told) {
      return RunLogitPass(models.paths, probe, kChunks, of,
                          {.journal_path = journal, .progress = [&](int64_t done, int64_t total) {
                             REQUIRE(total == 4);
                             return told(done);
                           }});
    };
    REQUIRE(absl::IsCancelled(run(texts, [stop](int64_t done) {
                                return done < stop ? absl::OkStatus() : absl::CancelledError("");
                              }).status()));
    // Torn by the kill: what is not whole is read again.
    std::filesystem::resize_file(journal, std::filesystem::file_size(journal) - 1);
    std::vector<int64_t> told;
    const auto telling = [&told](int64_t done) {
      told.push_back(done);
      return absl::OkStatus();
    };
    REQUIRE_OK_AND_ASSIGN(const auto resumed, run(texts, telling));
    CHECK(resumed == straight);
    CHECK(told.front() == stop);
    CHECK(told.back() == 4);
    // Whole: no model is read again.
    told.clear();
    REQUIRE_OK_AND_ASSIGN(const auto again, run(texts, telling));
    CHECK(again == straight);
    CHECK(told.empty());
    // Other weights are another judging.
    std::vector<WeighedText> other = texts;
    std::swap(other[0].weights[0], other[0].weights[1]);
    REQUIRE_OK_AND_ASSIGN(const auto changed, run(other, telling));
    CHECK(told.size() == 4);
    CHECK(changed[0][0] != straight[0][0]);
    CHECK(changed[1] == straight[1]);
  }
}

TEST_CASE("Its memory is the models' weights, and a bounded rest", "[probe]") {
  ModelConfig config;
  config.vocab_size = 49'152;
  config.hidden_size = 576;
  config.layer_count = 30;
  config.head_count = 9;
  config.intermediate_size = 1536;
  config.context_length = 2048;
  const int64_t weights = 4 * config.ParameterCount();
  for (const int64_t models : {2, 5, 21}) {
    for (const int64_t tokens : {16, 256, 2048}) {
      INFO(models << " models, " << tokens << " tokens");
      const int64_t needed = LogitPassBytes(config, models, tokens);
      CHECK(needed > models * weights);
      CHECK(needed < models * weights + 700 * limits::kMiB);
      CHECK(LogitPassBytes(config, models + 1, tokens) > needed + weights / 2);
    }
  }
  config.vocab_size = 50;  // all distributions of a chunk fit one block
  CHECK(LogitPassBytes(config, 2, 16) < 2 * 4 * config.ParameterCount() + limits::kMiB);
}

}  // namespace
}  // namespace kalavai
