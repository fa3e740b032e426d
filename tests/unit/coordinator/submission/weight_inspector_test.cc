// Goal: NaN and infinity are seen in every type an upload may have, finite extremes are not; and
// the frozen part is exactly what the charter's depth says. Method: one tensor a type with one bit
// pattern at its end; a table of names and depths.
#include "coordinator/submission/weight_inspector.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/safetensors/writer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("The last element's bit pattern decides whether a tensor is finite", "[submission]") {
  struct Case {
    Dtype dtype;
    uint16_t bits;
    bool finite;
  };
  const Case cases[] = {
      {Dtype::kF16, 0x7C00, false},  {Dtype::kF16, 0xFC00, false},  // ±infinity
      {Dtype::kF16, 0x7E00, false},  {Dtype::kF16, 0xFC01, false},  // NaN
      {Dtype::kF16, 0x7BFF, true},   {Dtype::kF16, 0x0001, true},   // largest, smallest
      {Dtype::kBF16, 0x7F80, false}, {Dtype::kBF16, 0xFFC0, false},
      {Dtype::kBF16, 0x7F7F, true},  {Dtype::kBF16, 0x7C00, true},  // infinity in the other type
  };
  for (const Case& pattern : cases) {
    INFO(DtypeName(pattern.dtype) << " " << pattern.bits);
    testing::TempDir temp;
    const std::vector<uint16_t> values = {0, 0, 0, pattern.bits};
    REQUIRE_OK(WriteSafetensors(temp.File("w"), {{.name = "w",
                                                  .dtype = pattern.dtype,
                                                  .shape = {4},
                                                  .bytes = std::as_bytes(std::span(values))}}));
    REQUIRE_OK_AND_ASSIGN(const WeightSet set,
                          WeightSet::Open({temp.File("w")}, SafetensorsMode::kUpload));
    if (pattern.finite) {
      REQUIRE_OK(CheckFinite(set));
    } else {
      REQUIRE_STATUS(CheckFinite(set), absl::StatusCode::kInvalidArgument, "WEIGHTS_NOT_FINITE");
    }
  }
}

}  // namespace
}  // namespace kalavai::coordinator
