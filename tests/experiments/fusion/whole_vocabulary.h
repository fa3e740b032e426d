// The baselines that need every model's whole distribution, not only the probability of the true
// token: mixtures of logits, and the published look-ahead gate.
//
// All models are in memory at once, and the whole distributions of the texts trained on (two bytes
// a number: texts × specialists × positions × vocabulary): meant for some texts a domain. This
// header names no tensor.
#ifndef KALAVAI_TESTS_EXPERIMENTS_FUSION_WHOLE_VOCABULARY_H_
#define KALAVAI_TESTS_EXPERIMENTS_FUSION_WHOLE_VOCABULARY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/probe/probe_text.h"
#include "tests/experiments/fusion/gate_runs.h"

namespace kalavai::experiment {

// How the published gate (common/router/reference_gate.h, its own settings) is trained here.
struct LookaheadOptions {
  int64_t positions = 64;  // of a text that its loss is the mean of, drawn once: a saving of time
  uint64_t seed = 0;
};

class WholeVocabulary {
 public:
  // `models`: the base's directory first, then the specialists'.
  static absl::StatusOr<WholeVocabulary> Load(const std::vector<std::string>& models);
  WholeVocabulary(WholeVocabulary&&) noexcept;
  WholeVocabulary& operator=(WholeVocabulary&&) noexcept;
  ~WholeVocabulary();

  // Trains the look-ahead gate on chunks of `text`, each as often as the others.
  absl::Status TrainLookahead(const ProbeText& text, std::span<const int32_t> chunks,
                              const LookaheadOptions& options);

  // On chunks of `text`: the look-ahead gate, the uniform mixture of all logits (base included),
  // and logits mixed with the weights of `gate` [chunks][T][n].
  absl::StatusOr<std::vector<GateRun>> Run(const ProbeText& text, std::span<const int32_t> chunks,
                                           const GateRun& gate) const;

 private:
  struct Models;
  WholeVocabulary();

  std::unique_ptr<Models> models_;
};

}  // namespace kalavai::experiment

#endif  // KALAVAI_TESTS_EXPERIMENTS_FUSION_WHOLE_VOCABULARY_H_
