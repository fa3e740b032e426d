// Goal: a row is kept without loss, never speaks of other weights or chunks, and is reported as two
// means a domain, those of a pilot grown to its full run.
// Method: rows by hand; a damaged file; reports of pilots around the borders.
#include "contributor/prediction/measured_row.h"

#include <cmath>

#include "common/forecast/interval.h"
#include "tests/support/catch.h"

namespace kalavai::contributor {
namespace {

DomainText TextOf(const std::string& domain, const std::string& digest) {
  return {.domain = domain,
          .chunks = {.chunk_tokens = 3, .tokens = std::vector<int32_t>(12, 1)},
          .digest = digest,
          .documents = 9,
          .left_out = 2};
}

MeasuredRow Measured() {
  MeasuredRow row;
  row.KeepOnly("base", "specialist");
  for (const char* const domain : {"law", "sea"}) {
    MeasuredDomain& entry = row.Entry(TextOf(domain, "t"));
    entry.base = {4, 5, 3, 4};
    entry.own = {3, 3, 3, 3};
  }
  row.domains["sea"].own = {5, 5, 4, 4};
  return row;
}

TEST_CASE("A row is read as it was written", "[rows]") {
  REQUIRE_OK_AND_ASSIGN(const MeasuredRow row, ParseMeasuredRow(FormatMeasuredRow(Measured())));
  CHECK(row.base == "base");
  CHECK(row.specialist == "specialist");
  REQUIRE(row.domains.size() == 2);
  const MeasuredDomain& law = row.domains.at("law");
  CHECK(law.text_digest == "t");
  CHECK(law.tokens == 4 * 2);
  CHECK(law.documents == 9);
  CHECK(law.left_out == 2);
  CHECK(law.base == std::vector<double>{4, 5, 3, 4});
  CHECK(row.domains.at("sea").own == std::vector<double>{5, 5, 4, 4});
}

TEST_CASE("A damaged row is refused", "[rows]") {
  for (const char* const text :
       {"", "[]", "{}", R"({"schema":"kalavai.row/2","base":"","specialist":"","domains":{}})",
        R"({"schema":"kalavai.row/1","base":"","specialist":""})",
        R"({"schema":"kalavai.row/1","base":"","specialist":"","domains":[]})",
        R"({"schema":"kalavai.row/1","base":"","specialist":"","domains":{"law":1}})",
        R"({"schema":"kalavai.row/1","base":"","specialist":"","domains":{"law":{"text_sha256":"",
            "tokens":8,"documents":1,"left_out":0,"base":[0],"own":[]}}})",
        R"({"schema":"kalavai.row/1","base":"","specialist":"","domains":{"law":{"text_sha256":"",
            "tokens":8,"documents":1,"left_out":0,"base":["4"],"own":[]}}})",
        R"({"schema":"kalavai.row/1","base":"","specialist":"","domains":{"law":{"text_sha256":"",
            "tokens":8,"documents":1,"left_out":0,"base":[4,4],"own":[4]}}})",
        R"({"schema":"kalavai.row/1","base":"","specialist":"","domains":{"law":{"text_sha256":"",
            "tokens":0,"documents":1,"left_out":0,"base":[4],"own":[4]}}})"}) {
    INFO(text);
    CHECK(ParseMeasuredRow(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("Losses of other weights or other chunks are forgotten", "[rows]") {
  MeasuredRow row = Measured();
  row.KeepOnly("base", "specialist");
  CHECK_FALSE(row.domains.at("law").own.empty());
  row.KeepOnly("base", "trained on");
  CHECK(row.domains.at("law").own.empty());
  CHECK_FALSE(row.domains.at("law").base.empty());  // the base is the same
  CHECK(ReportedRow(row, {}).value().empty());
  row = Measured();
  row.KeepOnly("another", "specialist");
  CHECK(row.domains.empty());
  row = Measured();
  CHECK_FALSE(row.Entry(TextOf("law", "t")).base.empty());
  CHECK(row.Entry(TextOf("law", "u")).base.empty());
}

TEST_CASE("Reported are means, their standard error and the chunks' digest", "[rows]") {
  const MeasuredRow row = Measured();
  REQUIRE_OK_AND_ASSIGN(const auto reported, ReportedRow(row, {}));
  REQUIRE(reported.size() == 2);
  CHECK(reported[0].domain() == "law");
  CHECK(reported[0].base_loss() == 4);
  CHECK(reported[0].own_loss() == 3);
  CHECK(reported[0].tokens() == 8);
  CHECK(reported[0].text_sha256() == "t");
  REQUIRE_NEAR(reported[0].improvement_standard_error(),
               PairedStandardError(row.domains.at("law").base, row.domains.at("law").own), 1e-12);
  CHECK(reported[1].own_loss() == 4.5);
}

TEST_CASE("Every change of a pilot grows as its own improvement", "[rows]") {
  // It won 0.5 and is expected to win 1, give or take 0.1.
  REQUIRE_OK_AND_ASSIGN(const Growth growth, GrowthOf({.base_loss = 5,
                                                       .own_loss = 4,
                                                       .pilot = true,
                                                       .improvement_standard_error = 0.1,
                                                       .measured_loss = 4.5}));
  CHECK(growth.factor == 2);
  REQUIRE_NEAR(growth.relative_error, 0.1, 1e-12);
  const MeasuredRow row = Measured();
  REQUIRE_OK_AND_ASSIGN(const auto reported, ReportedRow(row, growth));
  CHECK(reported[0].own_loss() == 2);  // 4 − 2·1
  CHECK(reported[1].own_loss() == 5);  // 4 + 2·0.5: what it forgets grows, too
  const double sampled = PairedStandardError(row.domains.at("law").base, row.domains.at("law").own);
  REQUIRE_NEAR(reported[0].improvement_standard_error(), std::hypot(2 * sampled, 0.2), 1e-12);
  REQUIRE_STATUS(ReportedRow(row, {.factor = 4}), absl::StatusCode::kFailedPrecondition,
                 "PILOT_NOT_EXTRAPOLATED");
}

TEST_CASE("A pilot that says nothing of its full run is refused", "[rows]") {
  const auto of = [](double own, double measured) {
    return GrowthOf({.base_loss = 5, .own_loss = own, .pilot = true, .measured_loss = measured});
  };
  CHECK(of(4.9, 4.9).value().factor == 1);  // its curve could not be fitted: as it is
  CHECK(of(4, 4.875).value().factor == 8);
  for (const auto& [own, measured] : {std::pair{4.0, 0.0},
                                      {4.0, 5.0},
                                      {4.0, 5.5},
                                      {5.0, 4.5},
                                      {5.5, 4.5},
                                      {4.0, 4.95},
                                      {4.0, std::nan("")}}) {
    INFO(own << " " << measured);
    REQUIRE_STATUS(of(own, measured), absl::StatusCode::kFailedPrecondition,
                   "PILOT_NOT_EXTRAPOLATED");
  }
  // A whole run is what it is, better or worse than the base.
  CHECK(GrowthOf({.base_loss = 5, .own_loss = 6}).value().factor == 1);
}

}  // namespace
}  // namespace kalavai::contributor
