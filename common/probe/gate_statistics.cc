#include "common/probe/gate_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/seeded_random.h"
#include "common/base/status_macros.h"
#include "common/model/loss.h"
#include "common/model/weights.h"
#include "common/router/linear_algebra.h"
#include "common/router/router_file.h"
#include "common/safetensors/reader.h"
#include "common/safetensors/writer.h"

namespace kalavai {
namespace {

constexpr int64_t kClipChunks = 16;
constexpr uint64_t kClipSeed = 1;  // of random tokens, not of the noise
constexpr double kRoundingSlack = 1e-8;

absl::Status Invalid(std::string what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "MEMBER_STATISTICS_INVALID",
      {.what = std::move(what),
       .why = "the gate's prior is solved from these sums; they stand for text nobody else sees",
       .fix = "measure them again with the base of this cooperative"});
}

absl::Status CheckChunks(int64_t chunks) {
  if (chunks >= kGateStatisticsChunksMin) return absl::OkStatus();
  return Invalid(
      absl::StrFormat("gate statistics: %d chunks found; must be at least %d, so that "
                      "no text can be read back from the sums",
                      chunks, kGateStatisticsChunksMin));
}

// Scaled to a diagonal of ones by the roots of Σyyᵀ's own, plus the slack.
bool HasNoNegativeDirection(std::vector<double> matrix, std::span<const double> roots) {
  const size_t size = roots.size();
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      const double scale = roots[i] * roots[j];
      double& value = matrix[i * size + j];
      value = scale > 0 ? value / scale : 0;
    }
    matrix[i * size + i] += kRoundingSlack;
  }
  return CholeskyFactor(matrix, size);
}

absl::Status CheckFill(const ClassStatistics& statistics) {
  const double sum = statistics.sum.back();
  const double squares = statistics.product.back();
  const double most = 1 + kRoundingSlack;
  if (sum > 0 && sum <= most * statistics.count && squares <= most * sum &&
      sum * sum <= most * squares * statistics.count) {
    return absl::OkStatus();
  }
  return Invalid(
      absl::StrFormat("gate statistics of '%s': weights of what was read sum to %g, "
                      "their squares to %g; no %g weights between 0 and 1 do",
                      statistics.label, sum, squares, statistics.count));
}

// What summaries are clipped at: the median norm over random tokens, so that it says nothing of the
// member's text.
absl::StatusOr<double> ClipOf(const Transformer& base, int64_t chunk_tokens) {
  SeededRandom random(kClipSeed);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < kClipChunks * chunk_tokens; ++i) {
    tokens.push_back(static_cast<int32_t>(random.Below(base.config.vocab_size)));
  }
  const auto width = static_cast<size_t>(base.config.hidden_size);
  const size_t chunk = static_cast<size_t>(chunk_tokens) * width;
  std::vector<double> norms;
  const auto add = [&](const TokenBatch& batch) -> absl::Status {
    for (size_t c = 0; c < static_cast<size_t>(batch.chunk_count); ++c) {
      ForgettingMean mean(static_cast<int>(width));
      std::vector<double> summary(width);
      for (size_t at = width; at < chunk; at += width) {
        mean.Push(batch.hidden.subspan(c * chunk + at, width));
        mean.Mean(summary);
        norms.push_back(std::sqrt(DotProduct(summary.data(), summary.data(), width)));
      }
    }
    return absl::OkStatus();
  };
  const ChunkSpan chunks{.tokens = tokens, .chunk_length = chunk_tokens};
  RETURN_IF_ERROR(TokenLogProbs(base, chunks, {.hidden = true}, add));
  const auto middle = norms.begin() + static_cast<std::ptrdiff_t>(norms.size() / 2);
  std::nth_element(norms.begin(), middle, norms.end());
  return std::clamp(*middle, kNoiseClipMin, kNoiseClipMax);
}

}  // namespace

absl::StatusOr<ClassStatistics> MeasureGateStatistics(const std::string& dir,
                                                      std::span<const int32_t> tokens,
                                                      const GateStatisticsOptions& options) {
  const ChunkSpan chunks{.tokens = tokens, .chunk_length = options.chunk_tokens};
  RETURN_IF_ERROR(Validate(chunks));
  RETURN_IF_ERROR(CheckChunks(chunks.count()));
  ASSIGN_OR_RETURN(const Transformer base,
                   LoadTransformer(dir, {.type = WeightType::kFloat32, .device = options.device}));
  ClassStatistics statistics =
      EmptyStatistics(options.label, static_cast<int>(base.config.hidden_size));
  double clip = std::numeric_limits<double>::infinity();
  if (options.noise.has_value()) {
    ASSIGN_OR_RETURN(clip, ClipOf(base, options.chunk_tokens));
  }
  const auto width = static_cast<size_t>(base.config.hidden_size);
  const size_t chunk = static_cast<size_t>(options.chunk_tokens) * width;
  const auto add = [&](const TokenBatch& batch) -> absl::Status {
    for (size_t c = 0; c < static_cast<size_t>(batch.chunk_count); ++c) {
      // The state after the first token says nothing about the text (probe_data.h).
      AddText(batch.hidden.subspan(c * chunk + width, chunk - width), kGateHalfLifeTokens,
              kGateShrinkage, statistics, clip);
    }
    if (!options.progress) return absl::OkStatus();
    return options.progress(batch.first_chunk + batch.chunk_count, chunks.count());
  };
  RETURN_IF_ERROR(TokenLogProbs(base, chunks, {.hidden = true}, add));
  if (options.noise.has_value()) {
    RETURN_IF_ERROR(AddNoise(*options.noise, clip, statistics));
  }
  RETURN_IF_ERROR(ValidateStatistics(statistics, statistics.width));
  return statistics;
}

absl::Status WriteGateStatistics(const std::string& path, const ClassStatistics& statistics) {
  const std::vector<NamedArray> arrays = StatisticsToTensors(statistics);
  std::vector<TensorView> tensors;
  for (const NamedArray& array : arrays) {
    tensors.push_back({.name = array.name,
                       .dtype = Dtype::kF64,
                       .shape = array.shape,
                       .bytes = std::as_bytes(std::span<const double>(array.values))});
  }
  return WriteSafetensors(path, std::move(tensors));
}

absl::Status CheckSumsOfText(const ClassStatistics& statistics, int64_t chunk_tokens) {
  const int64_t each = chunk_tokens > 2 ? (chunk_tokens - 2) / kStatisticsStride : 0;
  if (chunk_tokens > 0 &&
      statistics.count > static_cast<double>(each) * static_cast<double>(statistics.chunks)) {
    return Invalid(
        absl::StrFormat("gate statistics of '%s': %g summaries of %d chunks; must be at "
                        "most %d a chunk of %d tokens",
                        statistics.label, statistics.count, statistics.chunks, each, chunk_tokens));
  }
  RETURN_IF_ERROR(CheckFill(statistics));
  const size_t size = statistics.sum.size();
  const size_t width = size - 1;
  std::vector<double> roots;
  for (size_t i = 0; i < size; ++i) {
    roots.push_back(std::sqrt(statistics.product[i * size + i]));
    for (size_t j = 0; j < size; ++j) {  // what is always 0 goes with nothing
      if (roots[i] > 0 || statistics.product[i * size + j] == 0) continue;
      return Invalid(
          absl::StrFormat("gate statistics of '%s': product %d, %d: %g; must be 0, as "
                          "product %d, %d is",
                          statistics.label, i, j, statistics.product[i * size + j], i, i));
    }
  }
  std::vector<double> scatter(width * width);
  for (size_t i = 0; i < width; ++i) {
    for (size_t j = 0; j < width; ++j) {
      scatter[i * width + j] = statistics.product[i * size + j] -
                               statistics.sum[i] * statistics.sum[j] / statistics.count;
    }
  }
  if (HasNoNegativeDirection(statistics.product, roots) &&
      HasNoNegativeDirection(std::move(scatter), std::span(roots).first(width))) {
    return absl::OkStatus();
  }
  return Invalid(
      absl::StrFormat("gate statistics of '%s': in some direction the sums of squares "
                      "are below 0; no text has such",
                      statistics.label));
}

absl::StatusOr<ClassStatistics> ReadGateStatistics(const std::string& path, absl::string_view label,
                                                   int64_t width, int64_t chunk_tokens) {
  const absl::StatusOr<SafetensorsFile> file =
      SafetensorsFile::Open(path, SafetensorsMode::kFormat);  // kUpload has no F64
  if (!file.ok()) {
    if (!IsSafetensorsError(file.status())) return file.status();
    return Invalid(absl::StrCat("gate statistics: ", file.status().message()));
  }
  std::vector<NamedArray> arrays;
  for (const TensorInfo& tensor : file->header().tensors()) {
    if (tensor.dtype != Dtype::kF64) {
      return Invalid(absl::StrCat("gate statistics: tensor ", tensor.name, " is ",
                                  DtypeName(tensor.dtype), "; must be F64"));
    }
    const std::span<const std::byte> bytes = file->Bytes(tensor);
    NamedArray array{
        .name = std::string(tensor.name), .shape = tensor.shape.Signed(), .values = {}};
    array.values.resize(bytes.size() / sizeof(double));
    if (!bytes.empty()) std::memcpy(array.values.data(), bytes.data(), bytes.size());
    arrays.push_back(std::move(array));
  }
  ASSIGN_OR_RETURN(ClassStatistics statistics, StatisticsFromTensors(label, arrays));
  if (statistics.width != width) {
    return Invalid(absl::StrFormat("gate statistics: width %d found; must be %d, the base's",
                                   statistics.width, width));
  }
  RETURN_IF_ERROR(CheckChunks(statistics.chunks));
  RETURN_IF_ERROR(ValidateNoise(statistics));
  RETURN_IF_ERROR(CheckSumsOfText(statistics, chunk_tokens));
  return statistics;
}

}  // namespace kalavai
