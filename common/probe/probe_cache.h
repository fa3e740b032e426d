// What one model said about the probe text: log-probabilities of the true next tokens, and for the
// base the gate's features. One file a model; the format is docs/formats/probe_cache.md.
//
// From these caches follow the loss matrix, divergence, oracle, coverage, the router's training and
// every mixture of probabilities (design §3.2): no model runs again when a member joins or leaves.
//
//   ASSIGN_OR_RETURN(const ProbeCache cache, ReadProbeCache(path, key));
//   const std::vector<double> losses = MeanLosses(probe, cache, ProbePart::kEvaluation);
//
// No LibTorch. Values own their data. Thread-safe: pure functions besides reading and writing
// files.
#ifndef KALAVAI_COMMON_PROBE_PROBE_CACHE_H_
#define KALAVAI_COMMON_PROBE_PROBE_CACHE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/probe/probe_text.h"

namespace kalavai {

// What a cache belongs to. All: 64 lower-case hexadecimal digits.
struct ProbeCacheKey {
  std::string model_digest = {};       // OMS root digest of the model's directory
  std::string probe_digest = {};       // ProbeText::digest
  std::string arithmetic_digest = {};  // ArithmeticDigest of what computes (probe_machine.h)

  friend bool operator==(const ProbeCacheKey&, const ProbeCacheKey&) = default;
};

struct ProbeCache {
  ProbeCacheKey key = {};
  int64_t chunk_count = 0;
  int64_t chunk_tokens = 0;           // T
  int64_t feature_width = 0;          // D; 0 without features
  std::vector<float> log_probs = {};  // chunks × (T − 1): log p(token t + 1 | tokens 0 … t), nats
  std::vector<float> features = {};  // chunks × T × D: hidden state after token t; or empty
};

// The file a cache is kept in: the first 16 digits of the model's and the text's digest,
// "0123456789abcdef-fedcba9876543210.probe.safetensors".
std::string ProbeCacheFileName(const ProbeCacheKey& key);

// Writes the file atomically. Errors: INVALID_ARGUMENT PROBE_CACHE_INVALID when sizes disagree or
// a digest is malformed; those of WriteSafetensors.
absl::Status WriteProbeCache(const std::string& path, const ProbeCache& cache);

// Reads a file and checks everything: names, types, shapes, the three digests against `expected`,
// the digest of the content, that every log-probability is finite and ≤ 0 (+ rounding) and every
// feature finite. Errors: INVALID_ARGUMENT PROBE_CACHE_INVALID (metadata `defect`), FILE_NOT_FOUND,
// IO_ERROR.
absl::StatusOr<ProbeCache> ReadProbeCache(const std::string& path, const ProbeCacheKey& expected);

// Whether a file is there that a pass with (or without) features need not make again: its header
// alone is read. ReadProbeCache may still refuse the rest.
bool HoldsProbeArrays(const std::string& path, bool features);

// INVALID_ARGUMENT PROBE_CACHE_INVALID unless `cache` was made from `probe` (digest, chunks, T).
absl::Status CheckProbeCache(const ProbeText& probe, const ProbeCache& cache);

// Mean loss of every chunk, nats/token, in float64 in token order; [chunks]. The unit of bootstrap.
// Requires CheckProbeCache.
std::vector<double> LossesByChunk(const ProbeText& probe, const ProbeCache& cache);

// Mean loss of one part of every domain, nats/token; [domains]: a row of the loss matrix L[m][·].
// Requires CheckProbeCache.
std::vector<double> MeanLosses(const ProbeText& probe, const ProbeCache& cache, ProbePart part);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_PROBE_CACHE_H_
