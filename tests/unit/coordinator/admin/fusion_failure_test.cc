// Goal: a failed fusion says what was found, why it matters and what to do.
// Method: reasons of the table, one that is none, and a fusion without any.
#include "coordinator/admin/fusion_failure.h"

#include "common/base/errors.h"
#include "common/cli/reason_table.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("A failed fusion's error has the table's why and fix", "[admin]") {
  v1::Fusion fusion;
  fusion.set_name("cooperatives/c/fusions/fusion-1");
  fusion.set_failure_reason("TOO_LITTLE_TEXT");
  fusion.set_failure_message("2 chunks found");
  const auto detail = GetErrorDetail(FusionFailure(fusion));
  REQUIRE(detail.has_value());
  const auto row = FindReason("TOO_LITTLE_TEXT");
  REQUIRE(row.has_value());
  CHECK(detail->reason == "TOO_LITTLE_TEXT");
  CHECK(detail->text.what == "cooperatives/c/fusions/fusion-1: 2 chunks found");
  CHECK(detail->text.why == row->when);
  CHECK(detail->text.fix == row->fix);
  CHECK_FALSE(detail->text.fix.empty());

  fusion.set_failure_reason("OF_A_NEWER_VERSION");
  CHECK(GetErrorReason(FusionFailure(fusion)) == "OF_A_NEWER_VERSION");
  fusion.clear_failure_reason();
  CHECK(GetErrorReason(FusionFailure(fusion)) == "INTERNAL");
}

}  // namespace
}  // namespace kalavai::coordinator
