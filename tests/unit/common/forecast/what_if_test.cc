// Goal: a question changes the matrix as it says, and nonsense is refused.
// Method: a small cooperative with a domain of two members and one of none.
#include "common/forecast/what_if.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

using Names = std::vector<std::string>;

ForecastFile Example() {
  return ReadForecastFile(R"({"base":{"a":2,"b":4,"z":10},"own":{"x":"a"},
      "specialists":{"a":{"a":1,"b":4,"z":10},"b":{"a":2,"b":2,"z":9},"x":{"a":1.5,"b":4,"z":10}},
      "fused":{"a":1,"b":2,"z":9}})")
      .value();
}

TEST_CASE("Who leaves takes along the domain that nobody else has", "[forecast]") {
  const Names b = {"b"};
  REQUIRE_OK_AND_ASSIGN(const ForecastFile without_b, ApplyWhatIf(Example(), {.without = b}));
  CHECK(without_b.matrix.domains == Names{"a", "z"});  // z never had a member
  CHECK(without_b.matrix.models == Names{"base", "a", "x"});
  CHECK(without_b.matrix.loss[2] == std::vector<double>{1.5, 10});
  CHECK(without_b.matrix.own_domain == std::vector<int>{0, 0});
  CHECK_FALSE(without_b.fused.has_value());
  const Names a = {"a"};
  REQUIRE_OK_AND_ASSIGN(const ForecastFile without_a, ApplyWhatIf(Example(), {.without = a}));
  CHECK(without_a.matrix.domains == Names{"a", "b", "z"});  // x still has a
  CHECK(without_a.matrix.own_domain == std::vector<int>{1, 0});
  REQUIRE_OK(ValidateLossMatrix(without_a.matrix));
}

TEST_CASE("A planned member equals the base elsewhere", "[forecast]") {
  const std::vector<PlannedMember> planned = {{"c", 5, 4}, {"a", 3, 1.5}, {"a", 3, 1.5}};
  REQUIRE_OK_AND_ASSIGN(const ForecastFile file, ApplyWhatIf(Example(), {.planned = planned}));
  CHECK(file.matrix.domains == Names{"a", "b", "z", "c"});
  CHECK(file.matrix.models == Names{"base", "a", "b", "x", "planned c", "planned a", "planned a'"});
  CHECK(file.matrix.loss[1] == std::vector<double>{1, 4, 10, 5});
  CHECK(file.matrix.loss[4] == std::vector<double>{2, 4, 10, 4});
  CHECK(file.matrix.loss[5] == std::vector<double>{1, 4, 10, 5});  // half of the base, as planned
  REQUIRE_OK(ValidateLossMatrix(file.matrix));
}

TEST_CASE("Leaving too many out, or somebody unknown, is refused", "[forecast]") {
  const Names unknown = {"nobody"};
  const Names base = {"base"};
  const Names two = {"a", "b"};
  REQUIRE_STATUS(ApplyWhatIf(Example(), {.without = unknown}), absl::StatusCode::kInvalidArgument,
                 "WHAT_IF_INVALID");
  REQUIRE_STATUS(ApplyWhatIf(Example(), {.without = base}), absl::StatusCode::kInvalidArgument,
                 "WHAT_IF_INVALID");
  REQUIRE_STATUS(ApplyWhatIf(Example(), {.without = two}), absl::StatusCode::kFailedPrecondition,
                 "NOT_ENOUGH_SPECIALISTS");
  const std::vector<PlannedMember> one = {{"b", 4, 3}};
  REQUIRE_OK(ApplyWhatIf(Example(), {.without = two, .planned = one}));
}

TEST_CASE("Plans are DOMAIN:BASE:OWN", "[forecast]") {
  REQUIRE_OK_AND_ASSIGN(const PlannedMember plan, ParsePlannedMember("old:welsh:5.5:4.25"));
  CHECK(plan.domain == "old:welsh");
  CHECK(plan.base_loss == 5.5);
  CHECK(plan.own_loss == 4.25);
  for (const char* text : {"",
                           "welsh",
                           "welsh:5",
                           ":5:4",
                           "::",
                           "welsh:5:",
                           "welsh::4",
                           "welsh:0:4",
                           "welsh:5:-1",
                           "welsh:nan:4",
                           "welsh:5:inf",
                           "welsh:5:1e10",
                           "welsh:x:4",
                           "welsh:0x10:2",
                           "welsh: 5:4",
                           "welsh:5:4 ",
                           "welsh:5,5:4",
                           "welsh:5:-inf",
                           "welsh:5:nan",
                           "welsh:9e-7:4",
                           "welsh:5:9e-7",
                           "welsh:1.0000001e6:4",
                           "welsh:1e400:4",
                           "welsh:1e-400:4",
                           "welsh:-9223372036854775808:4",
                           "welsh:5:-9223372036854775808",
                           "welsh:5:4 nats"}) {
    INFO(text);
    REQUIRE_STATUS(ParsePlannedMember(text), absl::StatusCode::kInvalidArgument, "WHAT_IF_INVALID");
  }
  for (const char* text : {"w:1e-6:1e-6", "w:1e6:1e6", "w:1e-6:1e6", "w:1:922337"}) {
    INFO(text);
    REQUIRE_OK(ParsePlannedMember(text));
  }
}

}  // namespace
}  // namespace kalavai
