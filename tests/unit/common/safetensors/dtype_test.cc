// Goal: each dtype has one name, as the format spells it, and its size.
// Method: every value there and back; a few sizes.
#include "common/safetensors/dtype.h"

#include <set>
#include <string>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Dtypes have distinct names, case-sensitive") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Dtype::kU64); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    REQUIRE(DtypeOfName(DtypeName(dtype)) == dtype);
    names.insert(std::string(DtypeName(dtype)));
  }
  REQUIRE(names.size() == 22);
  REQUIRE_FALSE(DtypeOfName("bf16").has_value());
  REQUIRE(DtypeBits(Dtype::kBF16) == 16);
  REQUIRE(DtypeBits(Dtype::kF4) == 4);
}

}  // namespace
}  // namespace kalavai
