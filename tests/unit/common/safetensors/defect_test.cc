// Goal: every defect has its own name and a reason; a foreign name cannot reach the terminal raw.
// Method: the whole enumeration; one error with and without a place.
#include "common/safetensors/defect.h"

#include <set>
#include <string>

#include "absl/strings/match.h"

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Defects have distinct names and reasons of one family") {
  std::set<std::string> names;
  std::set<std::string> reasons;
  for (int i = 0; i <= static_cast<int>(SafetensorsDefect::kUploadNoTensors); ++i) {
    const auto defect = static_cast<SafetensorsDefect>(i);
    names.emplace(DefectName(defect));
    reasons.emplace(DefectReason(defect));
    const bool family = absl::StartsWith(DefectReason(defect), "SAFETENSORS_");
    REQUIRE(family == (defect != SafetensorsDefect::kNotAFile));
    REQUIRE(IsSafetensorsError(SafetensorsError(defect, {}, "x", "be y")) == family);
  }
  REQUIRE(names.size() == 27);
  REQUIRE(reasons.size() == 18);
}

TEST_CASE("A place is given as far as it is known, and escaped") {
  const absl::Status bare = SafetensorsError(SafetensorsDefect::kSyntax, {}, "x", "be y");
  REQUIRE(bare.message() == "x found; must be y");
  REQUIRE_FALSE(GetErrorDetail(bare)->text.metadata.contains("offset"));
  const absl::Status placed = SafetensorsError(SafetensorsDefect::kSyntax,
                                               {.tensor = "a\x1b[2J", .offset = 7}, "x", "be y");
  REQUIRE(placed.message() == "tensor 'a\\x1b[2J', header byte 7: x found; must be y");
  REQUIRE(Printable(std::string(1000, 'a')).size() == 120);
}

}  // namespace
}  // namespace kalavai
