// One measurement of the model, as a process of its own so that its peak memory is its own:
//
//   model_benchmark train|evaluate|decode|read --model DIR [--threads N] [--dtype bf16|float32]
//                   [--batch B] [--length T] [--steps N]
//
// Driven by model_speed.py, which sets each beside Hugging Face transformers. Prints one JSON
// object: seconds of each step, what the steps computed (so that both sides are seen to do the same
// work), and the memory resident at its highest.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/loss.h"
#include "common/model/optimizer_step.h"
#include "common/model/weights.h"

namespace kalavai {
namespace {

struct Flags {
  std::string mode, model, dtype = "bf16";
  int64_t threads = 2, batch = 4, length = 256, steps = 5;
};

struct Measured {
  std::vector<double> seconds;  // of each step
  std::vector<double> values;   // each step's loss, or the tokens chosen
};

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// The same numbers as model_speed.py's.
std::vector<int32_t> SomeTokens(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  uint64_t state = 1;
  for (int32_t& token : tokens) {
    state = (state * 6364136223846793005ULL + 1442695040888963407ULL);
    token = static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocabulary));
  }
  return tokens;
}

WeightType TypeOf(const Flags& flags) {
  return flags.dtype == "bf16" ? WeightType::kBfloat16 : WeightType::kFloat32;
}

absl::StatusOr<Measured> Train(const Flags& flags) {
  Hyperparameters hyperparameters;
  hyperparameters.learning_rate = 1e-5;
  hyperparameters.steps = 1000;
  hyperparameters.micro_batch = flags.batch;
  ASSIGN_OR_RETURN(Transformer model, LoadTransformer(flags.model, {.type = WeightType::kFloat32}));
  const int64_t vocabulary = model.config.vocab_size;
  const Precision precision = flags.dtype == "bf16" ? Precision::kMixed : Precision::kFloat32;
  ASSIGN_OR_RETURN(auto trainer,
                   OptimizerStep::Create(std::move(model), {.hyperparameters = hyperparameters,
                                                            .precision = precision}));
  Measured result;
  for (int64_t step = 0; step < flags.steps; ++step) {
    const auto tokens = SomeTokens(flags.batch * flags.length, vocabulary);
    const Stopwatch watch;
    ASSIGN_OR_RETURN(const StepResult done,
                     trainer->Step({.tokens = tokens, .chunk_length = flags.length}));
    result.seconds.push_back(watch.Seconds());
    result.values.push_back(done.loss);
  }
  return result;
}

absl::StatusOr<Measured> Evaluate(const Flags& flags) {
  ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(flags.model, {.type = TypeOf(flags)}));
  const auto tokens = SomeTokens(flags.batch * flags.length, model.config.vocab_size);
  Measured result;
  for (int64_t step = 0; step < flags.steps; ++step) {
    const Stopwatch watch;
    ASSIGN_OR_RETURN(
        const double loss,
        MeanLoss(model, {.tokens = tokens, .chunk_length = flags.length}, flags.batch));
    result.seconds.push_back(watch.Seconds());
    result.values.push_back(loss);
  }
  return result;
}

// Greedy tokens after a prompt of 16; the prompt's own pass is not counted.
absl::StatusOr<Measured> Decode(const Flags& flags) {
  ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(flags.model, {.type = TypeOf(flags)}));
  const c10::InferenceMode inference;
  const auto prompt = SomeTokens(16, model.config.vocab_size);
  Measured result;
  ASSIGN_OR_RETURN(KvCache cache,
                   NewKvCache(model.config, model.weight_type(), 1, 16 + flags.length));
  ASSIGN_OR_RETURN(ForwardResult last,
                   Forward(model, TokensOf({.tokens = prompt, .chunk_length = 16}, 0, 1), &cache,
                           {.logits = LogitsWanted::kLast}));
  for (int64_t step = 0; step < flags.length; ++step) {
    const Stopwatch watch;
    const at::Tensor token = last.logits_BTV.view({1, -1}).argmax(-1, /*keepdim=*/true);
    ASSIGN_OR_RETURN(last, Forward(model, token, &cache, {.logits = LogitsWanted::kLast}));
    result.seconds.push_back(watch.Seconds());
    result.values.push_back(static_cast<double>(token.item<int64_t>()));
  }
  return result;
}

// What memory gives: every thread sums its part of 1 GiB, 16 MiB at a time from the whole. Seconds
// for each GiB read; the best of the steps is the machine's rate.
absl::StatusOr<Measured> Read(const Flags& flags) {
  constexpr size_t kWords = (size_t{1} << 30) / sizeof(uint64_t);
  const std::vector<uint64_t> words(kWords, 1);
  Measured result;
  for (int64_t step = 0; step < flags.steps; ++step) {
    std::vector<uint64_t> sums(static_cast<size_t>(flags.threads), 0);
    const Stopwatch watch;
    at::parallel_for(0, flags.threads, 1, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) {
        const size_t begin = kWords * static_cast<size_t>(part) / sums.size();
        const size_t end = kWords * static_cast<size_t>(part + 1) / sums.size();
        uint64_t sum = 0;
        for (size_t i = begin; i < end; ++i) sum += words[i];
        sums[static_cast<size_t>(part)] = sum;
      }
    });
    result.seconds.push_back(watch.Seconds());
    result.values.push_back(
        static_cast<double>(std::accumulate(sums.begin(), sums.end(), uint64_t{0})));
  }
  return result;
}

// VmHWM of this process, bytes.
int64_t PeakResident() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kib = 0;
  while (status >> word) {
    if (word == "VmHWM:") status >> kib;
  }
  return kib * 1024;
}

bool Parse(int argc, char** argv, Flags& flags) {
  if (argc < 2 || argc % 2 != 0) return false;
  flags.mode = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    bool good = true;
    if (name == "--model") {
      flags.model = value;
    } else if (name == "--dtype") {
      flags.dtype = value;
      good = value == "bf16" || value == "float32";
    } else if (name == "--threads") {
      good = absl::SimpleAtoi(value, &flags.threads) && flags.threads > 0;
    } else if (name == "--batch") {
      good = absl::SimpleAtoi(value, &flags.batch) && flags.batch > 0;
    } else if (name == "--length") {
      good = absl::SimpleAtoi(value, &flags.length) && flags.length > 1;
    } else if (name == "--steps") {
      good = absl::SimpleAtoi(value, &flags.steps) && flags.steps > 0;
    } else {
      good = false;
    }
    if (!good) return false;
  }
  return flags.mode == "read" || !flags.model.empty();
}

absl::StatusOr<Measured> Measure(const Flags& flags) {
  RETURN_IF_ERROR(SetThreads(flags.threads));
  if (flags.mode == "train") return Train(flags);
  if (flags.mode == "evaluate") return Evaluate(flags);
  if (flags.mode == "decode") return Decode(flags);
  if (flags.mode == "read") return Read(flags);
  return absl::InvalidArgumentError(absl::StrCat("unknown measurement ", flags.mode));
}

}  // namespace
}  // namespace kalavai

int main(int argc, char** argv) {
  kalavai::Flags flags;
  if (!kalavai::Parse(argc, argv, flags)) {
    std::cerr << "usage: model_benchmark train|evaluate|decode|read --model DIR [--threads N] "
                 "[--dtype bf16|float32] [--batch B] [--length T] [--steps N]\n";
    return 2;
  }
  const auto measured = kalavai::Measure(flags);
  if (!measured.ok()) {
    std::cerr << measured.status() << "\n";
    return 1;
  }
  std::cout << R"({"seconds":[)" << absl::StrJoin(measured->seconds, ",") << R"(],"values":[)"
            << absl::StrJoin(measured->values, ",") << R"(],"peak_bytes":)"
            << kalavai::PeakResident() << "}\n";
  return 0;
}
