// Goal: a fusion whose arrays cannot fit is refused before its first pass, with the figures.
// Method: sizes by hand; the same text with a byte more and less than it needs.
#include "coordinator/fusion/probe_memory.h"

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

ProbeText TextOf(size_t chunks, int64_t tokens) {
  ProbeText probe;
  probe.chunk_tokens = tokens;
  probe.chunk_domain.assign(chunks, 0);
  return probe;
}

TEST_CASE("Arrays are counted twice, log-probabilities and the base's states", "[fusion]") {
  CHECK(ProbeArraysBytes(1, 2, 1, 0) == 2 * 4 * 1);
  CHECK(ProbeArraysBytes(3, 5, 2, 7) == 2 * 4 * 3 * (2 * 4 + 7 * 5));
  // 64 domains of 128 chunks, SmolLM2-135M's states: 5.0 GiB at T = 256, 80 GiB at 4096.
  CHECK(ProbeArraysBytes(64 * 128, 256, 65, 576) / 2 / (int64_t{1} << 20) == 5125);
  CHECK(ProbeArraysBytes(64 * 128, 4096, 65, 576) / 2 / (int64_t{1} << 20) == 82045);
}

TEST_CASE("What does not fit is refused with both figures, what is not known is not", "[fusion]") {
  const ProbeText probe = TextOf(3, 5);
  const int64_t needed = ProbeArraysBytes(3, 5, 2, 7);
  REQUIRE_OK(CheckProbeMemory(probe, 2, 7, needed));
  REQUIRE_OK(CheckProbeMemory(probe, 2, 7, std::nullopt));
  const absl::Status refused = CheckProbeMemory(probe, 2, 7, needed - 1);
  REQUIRE_STATUS(refused, absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY");
  const auto& metadata = GetErrorDetail(refused)->text.metadata;
  CHECK(metadata.at("needed") == std::to_string(needed));
  CHECK(metadata.at("limit") == std::to_string(needed - 1));
}

TEST_CASE("This machine has a limit", "[fusion]") {
  const std::optional<int64_t> limit = MemoryLimit();
  REQUIRE(limit.has_value());
  CHECK(*limit > int64_t{1} << 20);
  CHECK_FALSE(CheckProbeMemory(TextOf(1'000'000, 1'000'000), 500, 8192, limit).ok());
}

}  // namespace
}  // namespace kalavai::coordinator
