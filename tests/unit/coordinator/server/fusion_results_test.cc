// Goal: predictions see of finished fusions what was measured, and nothing where nothing was.
// Method: a fusion with figures by hand in a real database; reports with and without an oracle.
#include "coordinator/server/fusion_results.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/unit/coordinator/fusion/fusion_fixture.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Before a fusion there is no oracle, which is no error", "[fusion]") {
  const CooperativeFixture fixture;
  const FusionStore store(*fixture.database);
  const FusionResults results = ResultsOf(store);
  REQUIRE_STATUS(results.loss_matrix("nordic"), absl::StatusCode::kNotFound, "EVALUATION_MISSING");
  REQUIRE_OK_AND_ASSIGN(const MeasuredOracle oracle, results.oracle("nordic"));
  CHECK_FALSE(oracle.estimate.has_value());
  CHECK(oracle.note.empty());
  CHECK(results.finished().value().empty());
}

TEST_CASE("A finished fusion gives matrix, oracle and a point of the line", "[fusion]") {
  const CooperativeFixture fixture;
  FusionStore store(*fixture.database);
  AdmitExperts(*fixture.database);
  Succeed(store, "f", ExampleFigures());
  const FusionResults results = ResultsOf(store);
  REQUIRE_OK_AND_ASSIGN(const v1::LossMatrix matrix, results.loss_matrix("nordic"));
  CHECK(matrix.fusion() == FusionName("f"));
  REQUIRE(matrix.rows_size() == 3);
  CHECK(matrix.rows(0).model() == "base");
  CHECK(matrix.rows(1).model() == "cooperatives/nordic/submissions/ann-1");
  CHECK(matrix.rows(1).losses(0) == 1);
  CHECK(matrix.rows(1).contributor() == "cooperatives/nordic/contributors/ann");
  CHECK(matrix.tokens(1) == 200);
  CHECK(matrix.fused_losses().empty());  // the report does not say
  REQUIRE_OK_AND_ASSIGN(const MeasuredOracle oracle, results.oracle("nordic"));
  REQUIRE(oracle.estimate.has_value());
  CHECK(oracle.estimate->gain_percent == 9);
  CHECK(oracle.estimate->interval.low == 8);
  CHECK(oracle.estimate->interval.high == 10);
  CHECK(oracle.contributors == std::vector<std::string>{"cooperatives/nordic/contributors/ann",
                                                        "cooperatives/nordic/contributors/bo"});
  REQUIRE_OK_AND_ASSIGN(const auto points, results.finished());
  REQUIRE(points.size() == 1);
  CHECK(points[0].source == FusionName("f"));
  CHECK(points[0].specialists == 2);
  CHECK(points[0].divergence_percent == 15);
  CHECK(points[0].gain_percent == 12.5);
}

TEST_CASE("Fused losses and public domains come from the report, all of them or none", "[fusion]") {
  struct Case {
    const char* domains;
    int fused;
    int public_domains;
  };
  const Case cases[] = {{R"([{"domain":"sea","public":true,"losses":{"fused":1.5}},
           {"domain":"law","public":false,"losses":{"fused":1.25}}])",
                         2, 1},
                        {R"([{"domain":"sea","public":false,"losses":{"fused":1.5}}])", 0, 0},
                        {R"([{"domain":"sea","losses":{"fused":"1"}},{"domain":"law"}])", 0, 0},
                        {R"([{"domain":7}])", 0, 0},
                        {R"([])", 0, 0}};
  for (const Case& row : cases) {
    INFO(row.domains);
    const CooperativeFixture fixture;
    FusionStore store(*fixture.database);
    FusionFigures figures = ExampleFigures();
    figures.report_json = absl::StrCat("{\"domains\":", row.domains, "}");
    Succeed(store, "f", figures);
    REQUIRE_OK_AND_ASSIGN(const v1::LossMatrix matrix, ResultsOf(store).loss_matrix("nordic"));
    REQUIRE(matrix.fused_losses_size() == row.fused);
    CHECK(matrix.public_domains_size() == row.public_domains);
    if (row.fused > 0) CHECK(matrix.fused_losses(0) == 1.25);  // by the order of domains
  }
}

TEST_CASE("A report without an oracle gives none; a damaged one is an error", "[fusion]") {
  struct Case {
    const char* report;
    bool ok;
  };
  const Case cases[] = {{"{}", true},
                        {R"({"predicted":{}})", true},
                        {R"({"predicted":{"oracle":null}})", true},
                        {R"({"predicted":{"oracle":{"gain_percent":"9"}}})", false},
                        {"{", false}};
  for (const Case& row : cases) {
    INFO(row.report);
    const CooperativeFixture fixture;
    FusionStore store(*fixture.database);
    FusionFigures figures = ExampleFigures();
    figures.report_json = row.report;
    AdmitExperts(*fixture.database);
    Succeed(store, "f", figures);
    const auto oracle = ResultsOf(store).oracle("nordic");
    CHECK(oracle.ok() == row.ok);
    if (oracle.ok()) CHECK_FALSE(oracle->estimate.has_value());
  }
}

TEST_CASE("An oracle of other specialists than today's is left out, and it is said", "[fusion]") {
  const char* changes[] = {
      // Another member's is admitted, one of these no longer, one replaced.
      "INSERT INTO submissions(name, cooperative, contributor, domain, state, nonce, create_time) "
      "VALUES ('cooperatives/nordic/submissions/eve-1', 'cooperatives/nordic', "
      "'cooperatives/nordic/contributors/eve', 'law', 'ADMITTED', 'eve', 1)",
      "UPDATE submissions SET state = 'QUARANTINED' "
      "WHERE name = 'cooperatives/nordic/submissions/bo-1'",
      "UPDATE submissions SET name = 'cooperatives/nordic/submissions/ann-2' "
      "WHERE name = 'cooperatives/nordic/submissions/ann-1'"};
  const char* named[] = {"eve-1", "bo-1", "ann-2"};
  for (int k = 0; k < 3; ++k) {
    INFO(changes[k]);
    const CooperativeFixture fixture;
    FusionStore store(*fixture.database);
    AdmitExperts(*fixture.database);
    Succeed(store, "f", ExampleFigures());
    CHECK(ResultsOf(store).oracle("nordic").value().estimate.has_value());
    REQUIRE_OK(fixture.database->Execute(changes[k]));
    REQUIRE_OK_AND_ASSIGN(const MeasuredOracle oracle, ResultsOf(store).oracle("nordic"));
    CHECK_FALSE(oracle.estimate.has_value());
    CHECK(absl::StrContains(oracle.note, named[k]));
    CHECK(absl::StrContains(oracle.note, FusionName("f")));
  }
}

}  // namespace
}  // namespace kalavai::coordinator
