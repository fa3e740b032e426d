#include "common/probe/logit_pass.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"
#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/logit_mixture.h"
#include "common/model/loss.h"
#include "common/model/model_cost.h"
#include "common/model/weights.h"
#include "common/probe/probe_journal.h"
#include "common/probe/probe_machine.h"

namespace kalavai {
namespace {

// Whole distributions held at once, float64.
constexpr int64_t kBlockBytes = 128 * limits::kMiB;

// Positions of which whole distributions are held at once.
int64_t BlockRows(int64_t experts, int64_t vocabulary) {
  return std::max<int64_t>(1, kBlockBytes / (8 * experts * vocabulary));
}

// Rows [begin, end) of a chunk, as they stand in a text.
struct Part {
  int64_t chunk = 0;  // position in `chunks`
  size_t text = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

// By chunk: each is read once for all of its parts.
std::vector<Part> PartsOf(std::span<const WeighedText> texts, int64_t rows) {
  std::vector<Part> parts;
  for (size_t k = 0; k < texts.size(); ++k) {
    const auto [first, second] = texts[k].source;
    if (first == second) {
      parts.push_back({first, k, 0, rows});
    } else {
      parts.push_back({first, k, 0, rows / 2});
      parts.push_back({second, k, rows / 2, rows});
    }
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.chunk < b.chunk; });
  return parts;
}

// Names the pass in its journal: models in their order, texts, weights, what computes.
ProbeCacheKey KeyOf(std::span<const LogitPassModel> models, const ProbeText& probe,
                    std::span<const int32_t> chunks, std::span<const WeighedText> texts,
                    Device device) {
  Sha256 hash;
  hash.Update("logit-mixture");
  for (const LogitPassModel& model : models) hash.Update(model.digest);
  for (const WeighedText& text : texts) {
    hash.Update(absl::StrFormat(";%d,%d;", chunks[static_cast<size_t>(text.source.first)],
                                chunks[static_cast<size_t>(text.source.second)]));
    const std::span<const std::byte> bytes = std::as_bytes(std::span(text.weights));
    hash.Update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  return {.model_digest = hash.Finish().Hex(),
          .probe_digest = probe.digest,
          .arithmetic_digest = ArithmeticDigest(ThisMachine(device, Threads()))};
}

// One chunk as all models read it.
class ChunkReading {
 public:
  ChunkReading(std::span<const Transformer> models, const at::Tensor& tokens_1T)
      : models_(models), targets_T1_(tokens_1T.slice(1, 1).t().to(models[0].device())) {}

  absl::Status Read(const at::Tensor& tokens_1T) {
    for (const Transformer& model : models_) {
      ASSIGN_OR_RETURN(const ForwardResult result,
                       Forward(model, tokens_1T, nullptr, {.logits = LogitsWanted::kNone}));
      hidden_TD_.push_back(result.hidden_BTD[0].slice(0, 0, -1));
    }
    return absl::OkStatus();
  }

  // Writes log p of the rows of each part, values [parts][T].
  absl::Status Mix(std::span<const Part> parts, std::span<const WeighedText> texts,
                   std::span<float> values) const {
    const int64_t rows = targets_T1_.size(0);
    const auto experts = static_cast<int64_t>(models_.size());
    const int64_t step = BlockRows(experts, models_[0].config.vocab_size);
    for (int64_t first = 0; first < rows; first += step) {
      const int64_t last = std::min(first + step, rows);
      ASSIGN_OR_RETURN(const at::Tensor log_probs_RnV, LogProbs(first, last));
      for (size_t p = 0; p < parts.size(); ++p) {
        const int64_t begin = std::max(first, parts[p].begin);
        const int64_t end = std::min(last, parts[p].end);
        if (begin >= end) continue;
        const std::vector<float>& weights = texts[parts[p].text].weights;
        const at::Tensor weights_Rn =
            at::tensor(at::ArrayRef<float>(weights.data() + begin * experts,
                                           static_cast<size_t>((end - begin) * experts)),
                       at::kDouble)
                .view({end - begin, experts})
                .to(targets_T1_.device());
        const at::Tensor mixed_R =
            MixLogits(log_probs_RnV.slice(0, begin - first, end - first), weights_Rn)
                .gather(1, targets_T1_.slice(0, begin, end))
                .to(at::kFloat)
                .cpu()
                .contiguous();
        std::copy_n(mixed_R.const_data_ptr<float>(), end - begin,
                    values.begin() + static_cast<int64_t>(p) * rows + begin);
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<at::Tensor> LogProbs(int64_t first, int64_t last) const {
    std::vector<at::Tensor> log_probs_RV;
    for (size_t i = 0; i < models_.size(); ++i) {
      ASSIGN_OR_RETURN(at::Tensor one,
                       LogProbsOfVocabulary(models_[i], hidden_TD_[i].slice(0, first, last)));
      log_probs_RV.push_back(std::move(one));
    }
    return StackLogProbs(log_probs_RV);
  }

  std::span<const Transformer> models_;
  at::Tensor targets_T1_;
  std::vector<at::Tensor> hidden_TD_;  // [n]: T rows, the last token's state is not needed
};

absl::Status CheckFinite(const ProbeText& probe, int32_t chunk, std::span<const float> values) {
  const auto bad = std::find_if_not(values.begin(), values.end(),
                                    [](float value) { return std::isfinite(value); });
  if (bad == values.end()) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE",
      {.what = absl::StrFormat(
           "logit mixture: a log-probability of probe chunk %d (%s) is %g; "
           "must be finite",
           chunk,
           probe.domains[static_cast<size_t>(probe.chunk_domain[static_cast<size_t>(chunk)])].name,
           *bad),
       .why = "finite weights can still overflow on a text",
       .fix = "fuse without the specialist that does, or a mixture of probabilities"});
}

absl::StatusOr<std::vector<Transformer>> LoadAll(std::span<const LogitPassModel> models,
                                                 Device device) {
  std::vector<Transformer> loaded;
  for (const LogitPassModel& model : models) {
    ASSIGN_OR_RETURN(
        Transformer one,
        LoadTransformer(model.directory, {.type = WeightType::kFloat32, .device = device}));
    loaded.push_back(std::move(one));
  }
  return loaded;
}

}  // namespace

int64_t LogitPassBytes(const ModelConfig& config, int64_t models, int64_t chunk_tokens) {
  const int64_t weights =
      EstimateServing(config, WeightType::kFloat32, /*batch=*/1, /*tokens=*/0).weight_bytes;
  // Of each model the last states; of the one that reads, what a block of layers holds at once.
  const int64_t inner = (config.gated_feed_forward() ? 2 : 1) * config.intermediate_size;
  const int64_t stream =
      4 * config.hidden_size + 2 * config.query_size() + 2 * config.key_value_size() + inner;
  const int64_t states = models * chunk_tokens * config.hidden_size * 4;
  const int64_t reading = 4 * chunk_tokens * (stream + config.head_count * chunk_tokens);
  // Each model's, stacked, and a mixture of them, float64.
  const int64_t rows = std::min(BlockRows(models, config.vocab_size), chunk_tokens);
  const int64_t distributions = 3 * 8 * rows * models * config.vocab_size;
  return models * weights + states + reading + distributions;
}

absl::StatusOr<std::vector<std::vector<float>>> RunLogitPass(std::span<const LogitPassModel> models,
                                                             const ProbeText& probe,
                                                             std::span<const int32_t> chunks,
                                                             std::span<const WeighedText> texts,
                                                             const LogitPassOptions& options) {
  const auto rows = static_cast<size_t>(probe.chunk_tokens - 1);
  const std::vector<Part> parts = PartsOf(texts, probe.chunk_tokens - 1);
  std::vector<float> values;  // [parts][T], as far as they are known
  std::optional<ProbeJournal> journal;
  if (!options.journal_path.empty()) {
    ASSIGN_OR_RETURN(journal,
                     ProbeJournal::Open(options.journal_path,
                                        KeyOf(models, probe, chunks, texts, options.device),
                                        {.chunks = static_cast<int64_t>(parts.size()),
                                         .chunk_tokens = probe.chunk_tokens,
                                         .batch = 1}));
    values = journal->TakeLogProbs();
  }
  const size_t known = values.size() / rows;
  values.resize(parts.size() * rows, 0.0F);

  std::vector<Transformer> loaded;
  if (known < parts.size()) {
    ASSIGN_OR_RETURN(loaded, LoadAll(models, options.device));
  }
  const c10::InferenceMode inference;
  for (size_t begin = 0, end = 0; begin < parts.size(); begin = end) {
    const int64_t position = parts[begin].chunk;
    const int32_t chunk = chunks[static_cast<size_t>(position)];
    while (end < parts.size() && parts[end].chunk == position) ++end;
    if (end <= known) continue;
    const at::Tensor tokens_1T =
        TokensOf({.tokens = probe.Chunk(chunk), .chunk_length = probe.chunk_tokens}, 0, 1);
    const std::span<float> its = std::span(values).subspan(begin * rows, (end - begin) * rows);
    const absl::Status mixed = CatchTorch("logit mixture", [&]() -> absl::Status {
      ChunkReading reading(loaded, tokens_1T);
      RETURN_IF_ERROR(reading.Read(tokens_1T));
      return reading.Mix(std::span(parts).subspan(begin, end - begin), texts, its);
    });
    RETURN_IF_ERROR(mixed);
    RETURN_IF_ERROR(CheckFinite(probe, chunk, its));
    for (size_t p = std::max(begin, known); journal.has_value() && p < end; ++p) {
      RETURN_IF_ERROR(journal->Append(std::span(values).subspan(p * rows, rows), {}));
    }
    if (!options.progress) continue;
    RETURN_IF_ERROR(options.progress(position + 1, static_cast<int64_t>(chunks.size())));
  }

  std::vector<std::vector<float>> log_prob(texts.size(), std::vector<float>(rows));
  for (size_t p = 0; p < parts.size(); ++p) {
    const auto part = values.begin() + static_cast<std::ptrdiff_t>(p * rows);
    std::copy(part + parts[p].begin, part + parts[p].end,
              log_prob[parts[p].text].begin() + parts[p].begin);
  }
  return log_prob;
}

}  // namespace kalavai
