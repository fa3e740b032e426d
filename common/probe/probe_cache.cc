#include "common/probe/probe_cache.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"
#include "common/router/probe_data.h"
#include "common/safetensors/reader.h"
#include "common/safetensors/writer.h"

namespace kalavai {
namespace {

constexpr char kLogProbs[] = "log_probs";
constexpr char kFeatures[] = "features";
constexpr char kModelDigest[] = "model_digest";
constexpr char kProbeDigest[] = "probe_digest";
constexpr char kArithmeticDigest[] = "arithmetic_digest";
constexpr char kContentDigest[] = "content_digest";

absl::Status InvalidCache(absl::string_view defect, std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID",
                   {.what = std::move(what),
                    .why = "figures and gates are computed from this file alone, so it must be "
                           "exactly what this model said about this text, computed as the others "
                           "are",
                    .fix = "remove the file; the fusion makes it again",
                    .metadata = {{"defect", std::string(defect)}}});
}

absl::string_view BytesOf(std::span<const float> values) {
  const std::span<const std::byte> bytes = std::as_bytes(values);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> AsBytes(absl::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

struct KeyDigests {
  Digest model;
  Digest probe;
  Digest arithmetic;
};

// Over the key and both arrays: what a damaged byte anywhere would change.
Digest ContentDigest(const KeyDigests& key, std::span<const float> log_probs,
                     std::span<const float> features) {
  Sha256 hash;
  hash.Update(key.model.bytes());
  hash.Update(key.probe.bytes());
  hash.Update(key.arithmetic.bytes());
  hash.Update(BytesOf(log_probs));
  hash.Update(BytesOf(features));
  return hash.Finish();
}

absl::Status CheckShape(const ProbeCache& cache) {
  const auto size = [](const std::vector<float>& values) {
    return static_cast<int64_t>(values.size());
  };
  const int64_t chunks = cache.chunk_count;
  const int64_t tokens = cache.chunk_tokens;
  if (chunks < 1 || tokens < 2 || cache.feature_width < 0) {
    return InvalidCache("SHAPE", absl::StrFormat("probe cache: %d chunks of %d tokens found; must "
                                                 "be at least one chunk of two tokens",
                                                 chunks, tokens));
  }
  if (size(cache.log_probs) != chunks * (tokens - 1)) {
    return InvalidCache("SHAPE",
                        absl::StrFormat("probe cache: %d log-probabilities found; must be %d",
                                        size(cache.log_probs), chunks * (tokens - 1)));
  }
  if (size(cache.features) != chunks * tokens * cache.feature_width) {
    return InvalidCache(
        "SHAPE", absl::StrFormat("probe cache: %d feature values found; must be %d",
                                 size(cache.features), chunks * tokens * cache.feature_width));
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const ProbeCache& cache) {
  for (size_t i = 0; i < cache.log_probs.size(); ++i) {
    if (!std::isfinite(cache.log_probs[i]) || cache.log_probs[i] > kLogProbMax) {
      return InvalidCache("VALUE",
                          absl::StrFormat("probe cache: log-probability %d is %g; must be finite "
                                          "and at most 0",
                                          i, cache.log_probs[i]));
    }
  }
  for (size_t i = 0; i < cache.features.size(); ++i) {
    if (!std::isfinite(cache.features[i])) {
      return InvalidCache("VALUE",
                          absl::StrFormat("probe cache: feature %d is not a finite number", i));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Digest> ParseDigest(absl::string_view field, const std::string& hex) {
  absl::StatusOr<Digest> digest = Digest::FromHex(hex);
  if (!digest.ok()) {
    return InvalidCache("DIGEST", absl::StrCat("probe cache: ", field, " '", hex,
                                               "' found; must be 64 lower-case hex digits"));
  }
  return digest;
}

// Finds a tensor of the wanted type and number of dimensions.
absl::StatusOr<const TensorInfo*> Find(const SafetensorsFile& file, absl::string_view name,
                                       Dtype dtype, size_t dimensions) {
  const TensorInfo* tensor = file.Find(name);
  if (tensor == nullptr) {
    return InvalidCache("MISSING", absl::StrCat(file.path(), ": no tensor '", name, "'"));
  }
  if (tensor->dtype != dtype || tensor->shape.size() != dimensions) {
    return InvalidCache("SHAPE",
                        absl::StrCat(file.path(), ": tensor '", name,
                                     "' has another type or number of dimensions; must be ",
                                     DtypeName(dtype), " with ", dimensions));
  }
  return tensor;
}

absl::StatusOr<Digest> ReadDigest(const SafetensorsFile& file, absl::string_view name) {
  ASSIGN_OR_RETURN(const TensorInfo* tensor, Find(file, name, Dtype::kU8, 1));
  const std::span<const std::byte> bytes = file.Bytes(*tensor);
  if (bytes.size() != Digest::kBytes) {
    return InvalidCache("DIGEST", absl::StrCat(file.path(), ": tensor '", name, "' holds ",
                                               bytes.size(), " bytes; must be 32"));
  }
  return Digest::FromBytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::vector<float> ReadFloats(const SafetensorsFile& file, const TensorInfo& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.ElementCount()));
  const std::span<const std::byte> bytes = file.Bytes(tensor);
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

absl::Status CheckDigest(const std::string& path, absl::string_view name, const Digest& found,
                         const std::string& expected) {
  if (found.Hex() == expected) return absl::OkStatus();
  return InvalidCache(
      "DIGEST", absl::StrCat(path, ": ", name, " ", found.Hex(), " found; must be ", expected));
}

}  // namespace

std::string ProbeCacheFileName(const ProbeCacheKey& key) {
  return absl::StrCat(key.model_digest.substr(0, 16), "-", key.probe_digest.substr(0, 16),
                      ".probe.safetensors");
}

absl::Status WriteProbeCache(const std::string& path, const ProbeCache& cache) {
  RETURN_IF_ERROR(CheckShape(cache));
  RETURN_IF_ERROR(CheckValues(cache));
  KeyDigests key;
  ASSIGN_OR_RETURN(key.model, ParseDigest(kModelDigest, cache.key.model_digest));
  ASSIGN_OR_RETURN(key.probe, ParseDigest(kProbeDigest, cache.key.probe_digest));
  ASSIGN_OR_RETURN(key.arithmetic, ParseDigest(kArithmeticDigest, cache.key.arithmetic_digest));
  const Digest content = ContentDigest(key, cache.log_probs, cache.features);
  std::vector<TensorView> tensors = {
      {kModelDigest, Dtype::kU8, {Digest::kBytes}, AsBytes(key.model.bytes())},
      {kProbeDigest, Dtype::kU8, {Digest::kBytes}, AsBytes(key.probe.bytes())},
      {kArithmeticDigest, Dtype::kU8, {Digest::kBytes}, AsBytes(key.arithmetic.bytes())},
      {kContentDigest, Dtype::kU8, {Digest::kBytes}, AsBytes(content.bytes())},
      {kLogProbs,
       Dtype::kF32,
       {cache.chunk_count, cache.chunk_tokens - 1},
       std::as_bytes(std::span<const float>(cache.log_probs))}};
  if (cache.feature_width > 0) {
    tensors.push_back({kFeatures,
                       Dtype::kF32,
                       {cache.chunk_count, cache.chunk_tokens, cache.feature_width},
                       std::as_bytes(std::span<const float>(cache.features))});
  }
  return WriteSafetensors(path, std::move(tensors));
}

bool HoldsProbeArrays(const std::string& path, bool features) {
  const absl::StatusOr<SafetensorsFile> file =
      SafetensorsFile::Open(path, SafetensorsMode::kFormat);
  return file.ok() && file->Find(kLogProbs) != nullptr &&
         (!features || file->Find(kFeatures) != nullptr);
}

absl::StatusOr<ProbeCache> ReadProbeCache(const std::string& path, const ProbeCacheKey& expected) {
  absl::StatusOr<SafetensorsFile> opened = SafetensorsFile::Open(path, SafetensorsMode::kFormat);
  if (!opened.ok()) {
    if (!IsSafetensorsError(opened.status())) return opened.status();
    return InvalidCache("FORMAT", std::string(opened.status().message()));
  }
  const SafetensorsFile& file = *opened;
  KeyDigests key;
  ASSIGN_OR_RETURN(key.model, ReadDigest(file, kModelDigest));
  ASSIGN_OR_RETURN(key.probe, ReadDigest(file, kProbeDigest));
  ASSIGN_OR_RETURN(key.arithmetic, ReadDigest(file, kArithmeticDigest));
  ASSIGN_OR_RETURN(const Digest content, ReadDigest(file, kContentDigest));
  RETURN_IF_ERROR(CheckDigest(path, kModelDigest, key.model, expected.model_digest));
  RETURN_IF_ERROR(CheckDigest(path, kProbeDigest, key.probe, expected.probe_digest));
  RETURN_IF_ERROR(CheckDigest(path, kArithmeticDigest, key.arithmetic, expected.arithmetic_digest));

  ProbeCache cache = {.key = expected};
  ASSIGN_OR_RETURN(const TensorInfo* log_probs, Find(file, kLogProbs, Dtype::kF32, 2));
  if (log_probs->ElementCount() == 0) {  // only then can a dimension exceed the file's size
    return InvalidCache("SHAPE", absl::StrCat(path, ": log_probs holds no values"));
  }
  cache.chunk_count = log_probs->shape.Signed()[0];
  cache.chunk_tokens = log_probs->shape.Signed()[1] + 1;
  cache.log_probs = ReadFloats(file, *log_probs);
  const size_t known = file.Find(kFeatures) == nullptr ? 5 : 6;
  if (known == 6) {
    ASSIGN_OR_RETURN(const TensorInfo* features, Find(file, kFeatures, Dtype::kF32, 3));
    const std::vector<int64_t> shape = features->shape.Signed();
    if (shape[0] != cache.chunk_count || shape[1] != cache.chunk_tokens) {
      return InvalidCache("SHAPE", absl::StrCat(path,
                                                ": features and log_probs disagree on the "
                                                "number of chunks or tokens"));
    }
    cache.feature_width = shape[2];
    cache.features = ReadFloats(file, *features);
  }
  if (file.header().tensors().size() != known) {
    return InvalidCache("SURPLUS", absl::StrCat(path, ": ", file.header().tensors().size(),
                                                " tensors found; must be ", known));
  }
  RETURN_IF_ERROR(CheckShape(cache));
  const Digest computed = ContentDigest(key, cache.log_probs, cache.features);
  RETURN_IF_ERROR(CheckDigest(path, kContentDigest, content, computed.Hex()));
  RETURN_IF_ERROR(CheckValues(cache));
  return cache;
}

absl::Status CheckProbeCache(const ProbeText& probe, const ProbeCache& cache) {
  if (cache.key.probe_digest != probe.digest) {
    return InvalidCache("DIGEST", absl::StrCat("probe cache: made from probe text ",
                                               cache.key.probe_digest, "; must be ", probe.digest));
  }
  if (cache.chunk_count != probe.chunk_count() || cache.chunk_tokens != probe.chunk_tokens) {
    return InvalidCache(
        "SHAPE", absl::StrFormat("probe cache: %d chunks of %d tokens found; must be %d of %d",
                                 cache.chunk_count, cache.chunk_tokens, probe.chunk_count(),
                                 probe.chunk_tokens));
  }
  return CheckShape(cache);
}

std::vector<double> LossesByChunk(const ProbeText& probe, const ProbeCache& cache) {
  KALAVAI_CHECK(CheckProbeCache(probe, cache).ok(), "the caller has checked the cache");
  const size_t predictions = static_cast<size_t>(cache.chunk_tokens - 1);
  std::vector<double> losses(static_cast<size_t>(cache.chunk_count));
  for (size_t chunk = 0; chunk < losses.size(); ++chunk) {
    double sum = 0;
    for (size_t t = 0; t < predictions; ++t) {
      sum -= static_cast<double>(cache.log_probs[chunk * predictions + t]);
    }
    losses[chunk] = sum / static_cast<double>(predictions);
  }
  return losses;
}

std::vector<double> MeanLosses(const ProbeText& probe, const ProbeCache& cache, ProbePart part) {
  const std::vector<double> chunk_losses = LossesByChunk(probe, cache);
  std::vector<double> losses(probe.domains.size());
  for (size_t domain = 0; domain < losses.size(); ++domain) {
    const std::vector<int64_t> chunks = probe.ChunksOf(static_cast<int32_t>(domain), part);
    KALAVAI_CHECK(!chunks.empty(), "every domain has chunks in both parts");
    double sum = 0;
    for (const int64_t chunk : chunks) sum += chunk_losses[static_cast<size_t>(chunk)];
    losses[domain] = sum / static_cast<double>(chunks.size());
  }
  return losses;
}

}  // namespace kalavai
