// Goal: statistics of text at home are those the router's training takes of probe text, they stand
// for a thousand chunks at least, and no damaged file is read. Method: a tiny base over the same
// chunks in both ways; one array bent at a time.
#include "common/probe/gate_statistics.h"

#include <cmath>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "common/model/determinism.h"
#include "common/probe/probe_cache.h"
#include "common/probe/probe_pass.h"
#include "common/router/router_file.h"
#include "common/safetensors/writer.h"
#include "common/storage/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

using testing::TempDir;

constexpr int64_t kChunkTokens = 12;

// Ids that a tiny base knows, different in each chunk.
std::vector<int32_t> Tokens(int64_t chunks) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < chunks * kChunkTokens; ++i) {
    tokens.push_back(static_cast<int32_t>((i * i + 7 * i) % 61));
  }
  return tokens;
}

// Statistics that pass, of width 2.
ClassStatistics Example() {
  ClassStatistics statistics = EmptyStatistics("legal", 2);
  std::vector<float> states;
  for (int i = 0; i < 40; ++i) states.push_back(static_cast<float>((i * 7) % 5) - 1.5F);
  for (int i = 0; i < kGateStatisticsChunksMin; ++i) {
    AddText(states, kGateHalfLifeTokens, kGateShrinkage, statistics);
  }
  return statistics;
}

void WriteArrays(const std::string& path, const std::vector<NamedArray>& arrays) {
  std::vector<TensorView> tensors;
  for (const NamedArray& array : arrays) {
    tensors.push_back({.name = array.name,
                       .dtype = Dtype::kF64,
                       .shape = array.shape,
                       .bytes = std::as_bytes(std::span<const double>(array.values))});
  }
  REQUIRE_OK(WriteSafetensors(path, std::move(tensors)));
}

TEST_CASE("They are the sums that the router's training takes of probe text", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  const std::vector<int32_t> tokens = Tokens(kGateStatisticsChunksMin);
  int64_t done = 0;
  REQUIRE_OK_AND_ASSIGN(const ClassStatistics measured,
                        MeasureGateStatistics(directory.path(), tokens,
                                              {.label = "legal",
                                               .chunk_tokens = kChunkTokens,
                                               .progress = [&done](int64_t chunks, int64_t) {
                                                 done = chunks;
                                                 return absl::OkStatus();
                                               }}));
  CHECK(done == kGateStatisticsChunksMin);
  CHECK(measured.chunks == kGateStatisticsChunksMin);

  ProbeText probe;
  probe.chunk_tokens = kChunkTokens;
  probe.tokens = tokens;
  probe.chunk_domain.assign(static_cast<size_t>(kGateStatisticsChunksMin), 0);
  probe.chunk_part.assign(static_cast<size_t>(kGateStatisticsChunksMin), ProbePart::kRouter);
  probe.digest = std::string(64, 'd');
  REQUIRE_OK_AND_ASSIGN(const ProbeCache cache, RunProbePass(directory.path(), std::string(64, 'a'),
                                                             probe, {.features = true}));
  ClassStatistics expected = EmptyStatistics("legal", static_cast<int>(cache.feature_width));
  const auto width = static_cast<size_t>(cache.feature_width);
  for (size_t chunk = 0; chunk < static_cast<size_t>(kGateStatisticsChunksMin); ++chunk) {
    AddText(std::span<const float>(cache.features)
                .subspan((chunk * kChunkTokens + 1) * width, (kChunkTokens - 1) * width),
            kGateHalfLifeTokens, kGateShrinkage, expected);
  }
  CHECK(measured.count == expected.count);
  CHECK(measured.sum == expected.sum);
  CHECK(measured.product == expected.product);
}

TEST_CASE("Fewer than a thousand chunks are not sent", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  REQUIRE_STATUS(MeasureGateStatistics(directory.path(), Tokens(kGateStatisticsChunksMin - 1),
                                       {.label = "legal", .chunk_tokens = kChunkTokens}),
                 absl::StatusCode::kInvalidArgument, "MEMBER_STATISTICS_INVALID");
  REQUIRE_STATUS(MeasureGateStatistics(directory.path(), {}, {.chunk_tokens = kChunkTokens}),
                 absl::StatusCode::kInvalidArgument, "CHUNKS_INVALID");
}

TEST_CASE("They survive their file", "[probe]") {
  const TempDir directory;
  const std::string path = directory.File(kGateStatisticsFile);
  const ClassStatistics written = Example();
  REQUIRE_OK(WriteGateStatistics(path, written));
  REQUIRE_OK_AND_ASSIGN(const ClassStatistics read, ReadGateStatistics(path, "legal", 2));
  CHECK(read.label == "legal");
  CHECK(read.count == written.count);
  CHECK(read.sum == written.sum);
  CHECK(read.product == written.product);
}

TEST_CASE("Sums that no text could have are refused", "[probe]") {
  const TempDir directory;
  const std::string path = directory.File(kGateStatisticsFile);
  const ClassStatistics honest = Example();  // 1,000 texts of 20 states: 4 summaries each
  REQUIRE(honest.count == 4000);
  REQUIRE_OK(CheckSumsOfText(honest, 0));
  REQUIRE_OK(CheckSumsOfText(honest, 18));  // ⌊16 / 4⌋
  REQUIRE_STATUS(CheckSumsOfText(honest, 17), absl::StatusCode::kInvalidArgument,
                 "MEMBER_STATISTICS_INVALID");
  ClassStatistics noised = honest;
  REQUIRE_OK(AddNoise({.epsilon = 8, .delta = 1e-6}, 1.0, noised));
  REQUIRE_OK(CheckSumsOfText(noised, 21));
  // Product [3][3] of (z0, z1, fill).
  const std::function<void(ClassStatistics&)> damages[] = {
      // Symmetric, a fine diagonal, indefinite.
      [](ClassStatistics& s) { s.product[1] = s.product[3] = 2 * (s.product[0] + s.product[4]); },
      [](ClassStatistics& s) { s.product[2] = s.product[6] = -1e9; },
      // Fine as Σyyᵀ, not once the means are taken off.
      [](ClassStatistics& s) { s.sum[0] = std::sqrt(1.05 * s.product[0] * s.count); },
      [](ClassStatistics& s) { s.product[0] = s.sum[0] = 0; },
      [](ClassStatistics& s) { s.sum[2] = 1.01 * s.count; },
      [](ClassStatistics& s) { s.product[8] = 1.01 * s.sum[2]; },
      [](ClassStatistics& s) { s.product[8] = 0.99 * s.sum[2] * s.sum[2] / s.count; },
      [](ClassStatistics& s) { s.count *= 1e6; },
  };
  for (size_t i = 0; i < std::size(damages); ++i) {
    INFO(i);
    ClassStatistics bent = honest;
    damages[i](bent);
    REQUIRE_OK(WriteGateStatistics(path, bent));
    REQUIRE_STATUS(ReadGateStatistics(path, "legal", 2, 22), absl::StatusCode::kInvalidArgument,
                   "MEMBER_STATISTICS_INVALID");
  }
  REQUIRE_OK(WriteGateStatistics(path, honest));
  REQUIRE_OK(ReadGateStatistics(path, "legal", 2, 22));
}

TEST_CASE("A file that is none, of another base or of little text is refused", "[probe]") {
  const TempDir directory;
  const std::string path = directory.File(kGateStatisticsFile);
  using Arrays = std::vector<NamedArray>;  // product, scalars, sum
  const std::function<void(Arrays&)> damages[] = {
      [](Arrays& a) { a.pop_back(); },
      [](Arrays& a) { a[2].name = "other"; },
      [](Arrays& a) { a[1].values[0] = 2; },
      [](Arrays& a) { a[1].values[1] = 3; },
      [](Arrays& a) { a[1].values[2] = -1; },
      [](Arrays& a) { a[1].values[3] = kGateStatisticsChunksMin - 1; },
      [](Arrays& a) { a[1].values[3] = 1e300; },
      [](Arrays& a) { a[0].values[1] += 1; },
      [](Arrays& a) { a[2].values[0] = 1e200; },
  };
  int number = 0;
  for (const auto& damage : damages) {
    CAPTURE(number++);
    Arrays arrays = StatisticsToTensors(Example());
    damage(arrays);
    WriteArrays(path, arrays);
    REQUIRE_STATUS(ReadGateStatistics(path, "legal", 2), absl::StatusCode::kInvalidArgument,
                   "MEMBER_STATISTICS_INVALID");
  }
  REQUIRE_OK(WriteGateStatistics(path, Example()));
  REQUIRE_STATUS(ReadGateStatistics(path, "legal", 3), absl::StatusCode::kInvalidArgument,
                 "MEMBER_STATISTICS_INVALID");
  REQUIRE_OK(WriteFileAtomically(path, "text, not numbers"));
  REQUIRE_STATUS(ReadGateStatistics(path, "legal", 2), absl::StatusCode::kInvalidArgument,
                 "MEMBER_STATISTICS_INVALID");
  REQUIRE_STATUS(ReadGateStatistics(directory.File("none"), "legal", 2),
                 absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai
