#include "tests/experiments/fusion/whole_vocabulary.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <optional>
#include <utility>

#include "common/base/seeded_random.h"
#include "common/base/status_macros.h"
#include "common/model/forward.h"
#include "common/model/loss.h"
#include "common/model/torch.h"
#include "common/model/weights.h"
#include "common/router/reference_gate.h"

namespace kalavai::experiment {
namespace {

// One text as one model sees it.
struct Reading {
  at::Tensor log_probs_TV;  // log p(token t + 1 | tokens 0 … t), T − 1 rows
  at::Tensor mean_D;        // mean over all T positions of the final hidden state
};

absl::StatusOr<Reading> Read(const Transformer& model, const ProbeText& text, int64_t chunk) {
  const at::Tensor tokens =
      TokensOf({.tokens = text.Chunk(chunk), .chunk_length = text.chunk_tokens}, 0, 1);
  ASSIGN_OR_RETURN(const ForwardResult forward,
                   Forward(model, tokens, nullptr, {.logits = LogitsWanted::kNone}));
  const at::Tensor hidden = forward.hidden_BTD.select(0, 0);
  Reading reading;
  reading.mean_D = hidden.mean(0).to(at::kFloat);
  ASSIGN_OR_RETURN(reading.log_probs_TV,
                   LogProbsOfVocabulary(model, hidden.slice(0, 0, hidden.size(0) - 1)));
  return reading;
}

at::Tensor TargetsOf(const ProbeText& text, int64_t chunk) {
  return TokensOf({.tokens = text.Chunk(chunk), .chunk_length = text.chunk_tokens}, 0, 1)
      .select(0, 0)
      .slice(0, 1)
      .unsqueeze(1);
}

// −log softmax(scores)[target] of every row.
at::Tensor LossOf(const at::Tensor& scores_TV, const at::Tensor& targets_T1) {
  return scores_TV.logsumexp(1) - scores_TV.gather(1, targets_T1).squeeze(1);
}

void Append(const at::Tensor& loss_T, std::vector<float>& out) {
  const at::Tensor values = loss_T.to(at::kFloat).contiguous();
  out.insert(out.end(), values.const_data_ptr<float>(),
             values.const_data_ptr<float>() + values.numel());
}

// Indices in a random order, anew when all were drawn.
class Deck {
 public:
  Deck(size_t size, uint64_t seed) : size_(size), random_(seed) {}

  size_t Draw() {
    if (order_.empty()) {
      for (size_t i = 0; i < size_; ++i) order_.push_back(i);
      for (size_t i = size_; i > 1; --i) {
        std::swap(order_[i - 1],
                  order_[static_cast<size_t>(random_.Below(static_cast<int64_t>(i)))]);
      }
    }
    const size_t drawn = order_.back();
    order_.pop_back();
    return drawn;
  }

 private:
  size_t size_;
  SeededRandom random_;
  std::vector<size_t> order_;
};

// What the gate is trained on, one text: the specialists' distributions, at some positions, and
// what the gate sees.
struct GateText {
  std::vector<at::Tensor> log_probs_TV;  // [specialists], float16
  at::Tensor mean_D;
  at::Tensor targets_T1;
};

absl::StatusOr<GateText> ReadGateText(std::span<const Transformer> specialists,
                                      const ProbeText& text, int64_t chunk, int64_t positions,
                                      uint64_t seed) {
  Deck deck(static_cast<size_t>(text.chunk_tokens - 1), seed);
  std::vector<int64_t> drawn;
  while (static_cast<int64_t>(drawn.size()) < std::min(positions, text.chunk_tokens - 1)) {
    drawn.push_back(static_cast<int64_t>(deck.Draw()));
  }
  const at::Tensor rows = at::tensor(drawn, at::kLong);
  GateText result{
      .log_probs_TV = {}, .mean_D = {}, .targets_T1 = TargetsOf(text, chunk).index_select(0, rows)};
  for (const Transformer& specialist : specialists) {
    ASSIGN_OR_RETURN(const Reading reading, Read(specialist, text, chunk));
    const at::Tensor part = reading.mean_D / static_cast<double>(specialists.size());
    result.mean_D = result.mean_D.defined() ? result.mean_D + part : part;
    result.log_probs_TV.push_back(reading.log_probs_TV.index_select(0, rows).to(at::kHalf));
  }
  return result;
}

// ∂loss/∂g_i = E_mixture[l_i] − l_i(y), mean over the tokens.
std::vector<double> GateSlope(const std::vector<double>& gate, const GateText& text) {
  at::Tensor mixed;
  for (size_t i = 0; i < gate.size(); ++i) {
    const at::Tensor part = text.log_probs_TV[i].to(at::kFloat) * gate[i];
    mixed = mixed.defined() ? mixed.add_(part) : part;
  }
  const at::Tensor probability = mixed.softmax(1);
  std::vector<double> slope;
  for (const at::Tensor& half : text.log_probs_TV) {
    const at::Tensor own = half.to(at::kFloat);
    slope.push_back(((probability * own).sum(1) - own.gather(1, text.targets_T1).squeeze(1))
                        .mean()
                        .item<double>());
  }
  return slope;
}

std::vector<double> DoublesOf(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kDouble).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

}  // namespace

struct WholeVocabulary::Models {
  std::vector<Transformer> models;         // the base first
  std::optional<ReferenceGate> gate = {};  // once it is trained
};

WholeVocabulary::WholeVocabulary() : models_(std::make_unique<Models>()) {}
WholeVocabulary::WholeVocabulary(WholeVocabulary&&) noexcept = default;
WholeVocabulary& WholeVocabulary::operator=(WholeVocabulary&&) noexcept = default;
WholeVocabulary::~WholeVocabulary() = default;

absl::StatusOr<WholeVocabulary> WholeVocabulary::Load(const std::vector<std::string>& models) {
  WholeVocabulary whole;
  for (const std::string& directory : models) {
    ASSIGN_OR_RETURN(Transformer model, LoadTransformer(directory, {.type = WeightType::kFloat32}));
    whole.models_->models.push_back(std::move(model));
  }
  return whole;
}

absl::Status WholeVocabulary::TrainLookahead(const ProbeText& text, std::span<const int32_t> chunks,
                                             const LookaheadOptions& options) {
  const c10::InferenceMode inference;
  const std::span<const Transformer> specialists = std::span(models_->models).subspan(1);
  std::vector<GateText> texts;
  for (const int32_t chunk : chunks) {
    std::cerr << "\rlook-ahead gate: reading text " << texts.size() + 1 << " of " << chunks.size()
              << std::flush;
    ASSIGN_OR_RETURN(GateText one, ReadGateText(specialists, text, chunk, options.positions,
                                                options.seed + texts.size()));
    texts.push_back(std::move(one));
  }
  const auto width = static_cast<int>(texts[0].mean_D.size(0));
  ReferenceGate gate(static_cast<int>(specialists.size()), width, options.seed);
  Deck deck(texts.size(), options.seed + 1);
  for (int step = 1; step <= kReferenceSteps; ++step) {
    std::vector<double> gradient(specialists.size() * static_cast<size_t>(width), 0);
    for (int k = 0; k < kReferenceBatch; ++k) {
      const GateText& one = texts[deck.Draw()];
      const std::vector<double> mean = DoublesOf(one.mean_D);
      const std::vector<double> own = gate.Gradient(mean, GateSlope(gate.Weights(mean), one));
      for (size_t i = 0; i < own.size(); ++i) gradient[i] += own[i] / kReferenceBatch;
    }
    gate.Step(gradient);
    if (step % 10 == 0) {
      std::cerr << "\rlook-ahead gate: step " << step << " of " << kReferenceSteps << "      "
                << std::flush;
    }
  }
  std::cerr << "\n";
  models_->gate = std::move(gate);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<GateRun>> WholeVocabulary::Run(const ProbeText& text,
                                                          std::span<const int32_t> chunks,
                                                          const GateRun& gate) const {
  const c10::InferenceMode inference;
  const auto experts = static_cast<int64_t>(models_->models.size());
  const int64_t rows = text.chunk_tokens - 1;
  std::vector<GateRun> runs = {{.name = "look-ahead gate (published settings)"},
                               {.name = "logit mixture, uniform"},
                               {.name = "logit mixture, fused gate"}};
  for (size_t c = 0; c < chunks.size(); ++c) {
    std::cerr << "\rwhole distributions: text " << c + 1 << " of " << chunks.size() << std::flush;
    std::vector<Reading> readings;
    at::Tensor mean;
    for (const Transformer& model : models_->models) {
      ASSIGN_OR_RETURN(Reading reading, Read(model, text, chunks[c]));
      readings.push_back(std::move(reading));
      if (readings.size() == 1) continue;
      const at::Tensor part = readings.back().mean_D / static_cast<double>(experts - 1);
      mean = mean.defined() ? mean + part : part;
    }
    const at::Tensor targets = TargetsOf(text, chunks[c]);
    const std::vector<double> own = models_->gate->Weights(DoublesOf(mean));
    const at::Tensor weights =
        at::tensor(std::vector<float>(
                       gate.weights.begin() + static_cast<std::ptrdiff_t>(c) * rows * experts,
                       gate.weights.begin() + static_cast<std::ptrdiff_t>(c + 1) * rows * experts))
            .view({rows, experts});
    at::Tensor lookahead, uniform, fused;
    for (int64_t i = 0; i < experts; ++i) {
      const at::Tensor& log_probs = readings[static_cast<size_t>(i)].log_probs_TV;
      const at::Tensor even = log_probs / static_cast<double>(experts);
      const at::Tensor weighed = log_probs * weights.slice(1, i, i + 1);
      uniform = uniform.defined() ? uniform.add_(even) : even;
      fused = fused.defined() ? fused.add_(weighed) : weighed;
      if (i == 0) continue;
      const at::Tensor chosen = log_probs * own[static_cast<size_t>(i - 1)];
      lookahead = lookahead.defined() ? lookahead.add_(chosen) : chosen;
    }
    Append(LossOf(lookahead, targets), runs[0].loss);
    Append(LossOf(uniform, targets), runs[1].loss);
    Append(LossOf(fused, targets), runs[2].loss);
  }
  std::cerr << "\n";
  return runs;
}

}  // namespace kalavai::experiment
