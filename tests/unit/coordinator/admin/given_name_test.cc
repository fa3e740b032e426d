// Goal: an id and the whole resource name are the same to every command.
// Method: tables of what is typed, good and bad, with and without a cooperative.
#include "coordinator/admin/given_name.h"

#include <string>

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("An id and a whole name give the same name", "[admin]") {
  const std::string fusion = "cooperatives/nordic/fusions/fusion-1";
  CHECK(GivenFusion("nordic", "fusion-1").value() == fusion);
  CHECK(GivenFusion("nordic", fusion).value() == fusion);
  CHECK(GivenFusion("", fusion).value() == fusion);
  CHECK(GivenSubmission("nordic", "s1").value() == "cooperatives/nordic/submissions/s1");
  CHECK(GivenSubmission("", "cooperatives/a/submissions/s1").value() ==
        "cooperatives/a/submissions/s1");
  CHECK(GivenModel("nordic", "cooperatives/nordic/models/m").value() ==
        GivenModel("nordic", "m").value());
  CHECK(IdOf(fusion) == "fusion-1");
  CHECK(IdOf("fusion-1") == "fusion-1");
}

TEST_CASE("What is neither is refused with a reason", "[admin]") {
  struct Case {
    const char *cooperative, *text, *reason;
  };
  for (const Case& row :
       {Case{"nordic", "", "NAME_INVALID"}, Case{"nordic", "1", "NAME_INVALID"},
        Case{"nordic", "Fusion", "NAME_INVALID"}, Case{"nordic", "/", "NAME_INVALID"},
        Case{"nordic", "fusions/fusion-1", "NAME_INVALID"},
        Case{"nordic", "cooperatives/nordic/models/m", "NAME_INVALID"},
        Case{"nordic", "cooperatives/nordic/fusions/f/", "NAME_INVALID"},
        Case{"nordic", "cooperatives/alpine/fusions/f", "USAGE"}, Case{"", "fusion-1", "USAGE"}}) {
    INFO(row.cooperative << " " << row.text);
    CHECK(GetErrorReason(GivenFusion(row.cooperative, row.text).status()) == row.reason);
  }
}

}  // namespace
}  // namespace kalavai::coordinator
