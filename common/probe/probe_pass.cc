#include "common/probe/probe_pass.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/loss.h"
#include "common/model/torch.h"
#include "common/model/weights.h"
#include "common/probe/probe_journal.h"
#include "common/probe/probe_machine.h"
#include "common/storage/file_lock.h"

namespace kalavai {
namespace {

absl::Status CheckVocabulary(const std::string& dir, const ModelConfig& config,
                             const ProbeText& probe) {
  const auto largest = std::max_element(probe.tokens.begin(), probe.tokens.end());
  if (largest == probe.tokens.end() || *largest < config.vocab_size) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "TOKENIZER_MISMATCH",
                   {.what = absl::StrFormat(
                        "%s: %d embeddings found; must be more than the probe text's largest "
                        "token id, %d",
                        dir, config.vocab_size, *largest),
                    .why = "the probe text is encoded once, with the base's tokenizer",
                    .fix = "train the specialist from the canonical base",
                    .metadata = {{"vocab_size", absl::StrCat(config.vocab_size)},
                                 {"token", absl::StrCat(*largest)}}});
}

absl::Status CheckFinite(const std::string& dir, const TokenBatch& batch, int64_t done,
                         int64_t predictions) {
  for (size_t i = 0; i < batch.log_probs.size(); ++i) {
    if (std::isfinite(batch.log_probs[i])) continue;
    return MakeError(
        absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE",
        {.what = absl::StrFormat(
             "%s: the log-probability of probe chunk %d is %g; must be finite", dir,
             done + batch.first_chunk + static_cast<int64_t>(i) / predictions, batch.log_probs[i]),
         .why = "finite weights can still overflow on a text",
         .fix = "train again with a lower learning rate"});
  }
  return absl::OkStatus();
}

// Of what this process computes now.
ProbeCacheKey KeyOf(const std::string& model_digest, const ProbeText& probe,
                    const ProbePassOptions& options) {
  const ProbeProducts products =
      options.bfloat16_products ? ProbeProducts::kBfloat16 : ProbeProducts::kFloat32;
  return {.model_digest = model_digest,
          .probe_digest = probe.digest,
          .arithmetic_digest = ArithmeticDigest(ThisMachine(options.device, Threads(), products))};
}

// The chunks from `done` on, a whole number of batches; into the journal, if there is one, and the
// cache.
absl::Status RunRemaining(const std::string& dir, const Transformer& model, const ProbeText& probe,
                          const ProbePassOptions& options, int64_t done,
                          std::optional<ProbeJournal>& journal, ProbeCache& cache) {
  if (done == cache.chunk_count) return absl::OkStatus();
  const bool trunk = options.features && options.feature_depth >= 0;
  const TokenLogProbsOptions pass = {.hidden = options.features && !trunk,
                                     .trunk_depth = trunk ? options.feature_depth : -1};
  const auto keep = [&](const TokenBatch& batch) -> absl::Status {
    RETURN_IF_ERROR(CheckFinite(dir, batch, done, probe.chunk_tokens - 1));
    const std::span<const float> features = trunk ? batch.trunk : batch.hidden;
    if (journal.has_value()) RETURN_IF_ERROR(journal->Append(batch.log_probs, features));
    cache.log_probs.insert(cache.log_probs.end(), batch.log_probs.begin(), batch.log_probs.end());
    cache.features.insert(cache.features.end(), features.begin(), features.end());
    if (!options.progress) return absl::OkStatus();
    return options.progress(done + batch.first_chunk + batch.chunk_count, probe.chunk_count());
  };
  const auto tokens = std::span<const int32_t>(probe.tokens)
                          .subspan(static_cast<size_t>(done * probe.chunk_tokens));
  return TokenLogProbs(model, {.tokens = tokens, .chunk_length = probe.chunk_tokens}, pass, keep);
}

// Two processes in one journal would destroy each other's blocks.
absl::StatusOr<FileLock> LockPass(const std::string& path, const ProbeText& probe,
                                  const ProbePassOptions& options) {
  const absl::Notification never;  // the end of another process is no event of this one
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<FileLock> lock, FileLock::Try(path));
    if (lock.has_value()) return *std::move(lock);
    if (!options.wait) {
      const std::string holder = FileLock::HolderOf(path);
      return MakeError(absl::StatusCode::kUnavailable, "PROBE_PASS_HELD",
                       {.what = absl::StrCat(path, ": held by ", holder, "; must be held by none"),
                        .why = "a pass has one journal, and one process writes it",
                        .fix = "leave it to that process, or wait for its end",
                        .metadata = {{"holder", holder}}});
    }
    if (options.progress) RETURN_IF_ERROR(options.progress(0, probe.chunk_count()));
    never.WaitForNotificationWithTimeout(absl::Milliseconds(limits::kProbePollMilliseconds));
  }
}

}  // namespace

absl::StatusOr<ProbeCache> RunProbePass(const std::string& dir, const std::string& model_digest,
                                        const ProbeText& probe, const ProbePassOptions& options) {
  ASSIGN_OR_RETURN(Transformer model,
                   LoadTransformer(dir, {.type = WeightType::kFloat32, .device = options.device}));
  if (options.bfloat16_products) model.product_type = at::kBFloat16;
  RETURN_IF_ERROR(CheckVocabulary(dir, model.config, probe));

  ProbeCache cache = {.key = KeyOf(model_digest, probe, options),
                      .chunk_count = probe.chunk_count(),
                      .chunk_tokens = probe.chunk_tokens,
                      .feature_width = options.features ? model.config.hidden_size : 0};
  std::optional<ProbeJournal> journal;
  if (!options.journal_path.empty()) {
    ASSIGN_OR_RETURN(journal, ProbeJournal::Open(options.journal_path, cache.key,
                                                 {.chunks = cache.chunk_count,
                                                  .chunk_tokens = cache.chunk_tokens,
                                                  .feature_width = cache.feature_width,
                                                  .feature_depth = options.feature_depth,
                                                  .batch = kEvaluationBatch}));
  }
  const int64_t done = journal.has_value() ? journal->chunk_count() : 0;
  cache.log_probs.reserve(static_cast<size_t>(cache.chunk_count * (probe.chunk_tokens - 1)));
  cache.features.reserve(
      static_cast<size_t>(cache.chunk_count * cache.chunk_tokens * cache.feature_width));
  if (journal.has_value()) {
    cache.log_probs = journal->TakeLogProbs();
    cache.features = journal->TakeFeatures();
  }
  RETURN_IF_ERROR(RunRemaining(dir, model, probe, options, done, journal, cache));
  return cache;
}

absl::StatusOr<ProbeCache> MeasureModel(const std::string& dir, const std::string& path,
                                        const std::string& model_digest, const ProbeText& probe,
                                        const ProbePassOptions& options) {
  const ProbeCacheKey key = KeyOf(model_digest, probe, options);
  const auto read = [&]() -> std::optional<ProbeCache> {
    absl::StatusOr<ProbeCache> cached = ReadProbeCache(path, key);
    // Whoever wants features cannot do with a cache without; that of the base serves both.
    if (!cached.ok() || (options.features && cached->feature_width == 0)) return std::nullopt;
    return *std::move(cached);
  };
  if (std::optional<ProbeCache> cached = read()) return *std::move(cached);
  ASSIGN_OR_RETURN(const FileLock lock, LockPass(absl::StrCat(path, ".lock"), probe, options));
  if (std::optional<ProbeCache> cached = read()) return *std::move(cached);  // made meanwhile
  ProbePassOptions resumable = options;
  resumable.journal_path = absl::StrCat(path, ".partial");
  ASSIGN_OR_RETURN(ProbeCache cache, RunProbePass(dir, model_digest, probe, resumable));
  RETURN_IF_ERROR(WriteProbeCache(path, cache));
  std::error_code ignored;  // left behind, it is read once more and found to be whole
  std::filesystem::remove(resumable.journal_path, ignored);
  const absl::Status confirmed = options.confirm ? options.confirm() : absl::OkStatus();
  if (!confirmed.ok()) {
    std::filesystem::remove(path, ignored);
    return confirmed;
  }
  return cache;
}

}  // namespace kalavai
