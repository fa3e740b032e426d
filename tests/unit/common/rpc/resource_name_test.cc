// Goal: a name has one spelling, and everything else is refused.
// Method: format and parse each kind; a table of names that are almost right.
#include "common/rpc/resource_name.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("Names come back from their text") {
  REQUIRE_OK_AND_ASSIGN(const std::string cooperative, ParseCooperativeName("cooperatives/nordic"));
  REQUIRE(cooperative == "nordic");
  REQUIRE(CooperativeName("nordic") == "cooperatives/nordic");
  const ChildName child = {"nordic", "st-mary"};
  REQUIRE(*ParseContributorName(ContributorName("nordic", "st-mary")) == child);
  REQUIRE(*ParseCheckpointName(CheckpointName("nordic", "st-mary")) == child);
  REQUIRE(*ParseSubmissionName(SubmissionName("nordic", "st-mary")) == child);
  REQUIRE(*ParsePredictionName(PredictionName("nordic", "st-mary")) == child);
  REQUIRE(*ParseFusionName(FusionName("nordic", "st-mary")) == child);
  REQUIRE(*ParseModelName(ModelName("nordic", "st-mary")) == child);
  const std::string sha256(64, 'a');
  REQUIRE(*ParseUploadName(FormatUploadName("nordic", "s-1", sha256)) ==
          UploadName{"nordic", "s-1", sha256});
}

TEST_CASE("Names that are almost right are refused") {
  const std::vector<std::string> table = {
      "",
      "cooperatives",
      "cooperatives/",
      "/cooperatives/nordic",
      "cooperatives/nordic/",
      "cooperatives/Nordic",
      "cooperatives/nor/dic",
      "cooperatives/../etc",
      "cooperatives/n%2Fm",
      "cooperatives/1a",
      "cooperatives/-a",
      "Cooperatives/nordic",
      "cooperatives/nordic\n",
      std::string("cooperatives/nor\0dic", 20),
      "cooperatives/" + std::string(64, 'a'),
  };
  for (const std::string& name : table) {
    INFO(name);
    REQUIRE_STATUS(ParseCooperativeName(name), absl::StatusCode::kInvalidArgument, "NAME_INVALID");
    REQUIRE_STATUS(ParseContributorName(name + "/contributors/m"),
                   absl::StatusCode::kInvalidArgument, "NAME_INVALID");
  }
  REQUIRE_STATUS(ParseContributorName("cooperatives/a/submissions/b"),
                 absl::StatusCode::kInvalidArgument, "NAME_INVALID");
  REQUIRE_STATUS(ParseUploadName(FormatUploadName("a", "s", std::string(64, 'A'))),
                 absl::StatusCode::kInvalidArgument, "NAME_INVALID");
  REQUIRE_STATUS(ParseUploadName(FormatUploadName("a", "s", std::string(63, 'a'))),
                 absl::StatusCode::kInvalidArgument, "NAME_INVALID");
}

TEST_CASE("An id has 1 to 63 characters") {
  REQUIRE_OK(CheckId("a", "id"));
  REQUIRE_OK(CheckId(std::string(63, 'a'), "id"));
  REQUIRE_STATUS(CheckId(std::string(64, 'a'), "id"), absl::StatusCode::kInvalidArgument,
                 "NAME_INVALID");
}

}  // namespace
}  // namespace kalavai
