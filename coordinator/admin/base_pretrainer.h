// Makes a small base from nothing, a tokenizer and a model trained on public text; or goes
// on from a checkpoint with its tokenizer, on text that may be pooled: the monolithic model a
// cooperative is compared with (design §2).
//
// For a demo, for tests, or for a cooperative whose language no published base knows; serious
// cooperatives import a published checkpoint instead. The result is a Hugging Face directory:
// config.json, tokenizer.json, model.safetensors. Same files, settings and thread count give the
// same bytes. This header names no tensor. Threads: the caller's.
#ifndef KALAVAI_COORDINATOR_ADMIN_BASE_PRETRAINER_H_
#define KALAVAI_COORDINATOR_ADMIN_BASE_PRETRAINER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/model/device.h"
#include "common/model/hyperparameters.h"
#include "common/model/model_config.h"
#include "common/training/training_progress.h"

namespace kalavai::coordinator {

struct BasePretrainOptions {
  std::string directory = {};           // to write; must not exist, or be an earlier result
  std::vector<std::string> files = {};  // .txt, .jsonl
  // A checkpoint to go on from: its tokenizer and shape are kept, and family, vocabulary,
  // hidden_size, layer_count, head_count, kv_head_count and context_length are not used.
  std::string from = {};
  Family family = Family::kGptNeox;
  int64_t vocabulary = 2048;  // upper bound; the text may not have so many pairs
  int64_t hidden_size = 192;
  int64_t layer_count = 4;
  int64_t head_count = 4;
  int64_t kv_head_count = 0;  // 0: one a query head; gpt_neox has no other
  int64_t chunk_tokens = 256;
  int64_t context_length = 1024;  // of the model; at least chunk_tokens
  int64_t batch = 16;
  Hyperparameters hyperparameters = {};
  Precision precision = Precision::kMixed;
  Device device = Device::kCpu;                // from OpenDevice
  std::optional<WeightType> stored_type = {};  // nullopt: as `from`, or bfloat16
  uint64_t seed = 1;                           // of initial weights and order
};

struct BasePretrainReport {
  ModelConfig config = {};
  int64_t parameters = 0;
  int64_t vocabulary = 0;  // tokens the tokenizer got
  int64_t train_chunks = 0;
  int64_t held_out_chunks = 0;
  double held_out_loss = 0;    // nats/token, of the weights as written
  double bytes_per_token = 0;  // of the held-out text
  TrainingSummary summary = {};
};

struct BasePretrainListener {
  std::function<void(absl::string_view)> note;
  TrainingObserver progress;
};

// Documents of all files are pooled, de-duplicated and ordered by hash, whichever file they are in.
// Errors: INVALID_ARGUMENT FIELD_INVALID when `directory` is `from`; ALREADY_EXISTS FILE_EXISTS
// when the directory holds something else than a checkpoint; TOKENIZER_MISMATCH when `from` has
// tokens without embedding; those of LoadTransformer, ReadDocuments, TrainTokenizer, BuildDataset,
// ModelConfig::Validate, Train, WriteCheckpoint.
absl::StatusOr<BasePretrainReport> PretrainBase(const BasePretrainOptions& options,
                                                const BasePretrainListener& listener);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_BASE_PRETRAINER_H_
