// Goal: the plots are drawn from report.json alone, show its figures, and a damaged report is
// refused instead of drawn. Method: the example report of the fusion's tests; one field taken away
// or bent at a time; names that are markup.
#include "coordinator/admin/report_plots.h"

#include <filesystem>
#include <functional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/storage/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/coordinator/fusion/outcome_fixture.h"

namespace kalavai::coordinator {
namespace {

using nlohmann::json;

FusionReport ExampleReport() {
  FusionOutcome outcome = ExampleOutcome();
  outcome.spliced_loss = 1.5;
  outcome.spliced_oracle = 1.25;
  outcome.spliced_example =
      SplicedExample{.first = "law",
                     .second = "sea",
                     .change = 2,
                     .weights = {0.5F, 0.25F, 0.25F, 0, 1, 0, 0, 0.5F, 0.5F, 0, 0, 1}};
  ReportRouter router = ExampleRouter();
  for (int step = 1; step <= 25; ++step) {
    router.trajectory.push_back({.step = step, .batch_loss = 3.0 / step, .alpha = 0.003});
  }
  return WriteFusionReport(ExampleInputs(), router, outcome);
}

json Parsed(const FusionReport& report) { return json::parse(report.json); }

TEST_CASE("A report has its three plots, and they show its figures", "[admin]") {
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReportPlot> plots,
                        DrawReportPlots(Parsed(ExampleReport())));
  REQUIRE(plots.size() == 3);
  CHECK(plots[0].file == "losses.svg");
  // A cell a model or mixture and domain, each with its figure: 7 rows, 3 domains and EW.
  for (const char* text : {"fused on law: 1.0625 nats/token, -46.9 % against the base", ">1.062<",
                           "general (public)", "bo (sea)", "uniform mixture"}) {
    INFO(text);
    CHECK(absl::StrContains(plots[0].svg, text));
  }
  CHECK(plots[1].file == "gate.svg");
  CHECK(absl::StrContains(plots[1].svg, ">ann (law)<"));
  CHECK(absl::StrContains(plots[1].svg, ">sea<"));
  CHECK(plots[2].file == "training.svg");
  for (const ReportPlot& plot : plots) {
    CHECK(absl::StartsWith(plot.svg, "<svg "));
    CHECK(absl::EndsWith(plot.svg, "</svg>\n"));
    CHECK_FALSE(absl::StrContains(plot.svg, "nan"));
  }
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReportPlot> again,
                        DrawReportPlots(Parsed(ExampleReport())));
  for (size_t i = 0; i < plots.size(); ++i) CHECK(plots[i].svg == again[i].svg);
}

TEST_CASE("Of a long text every stride-th row is drawn, at its place", "[admin]") {
  json report = Parsed(ExampleReport());
  const std::string whole = DrawReportPlots(report).value()[1].svg;
  json& example = report["spliced"]["example"];
  example["stride"] = 16;
  example["change"] = 16 * example["change"].get<int64_t>();
  const std::string thinned = DrawReportPlots(report).value()[1].svg;
  CHECK(whole == thinned);  // the axis has one label, 0
  example.erase("stride");
  CHECK_FALSE(DrawReportPlots(report).ok());  // the change lies behind the last row
}

TEST_CASE("What was not measured is not drawn", "[admin]") {
  json report = Parsed(ExampleReport());
  report["spliced"] = nullptr;
  report["router"]["trajectory"] = json::array();
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReportPlot> plots, DrawReportPlots(report));
  REQUIRE(plots.size() == 1);
  CHECK(plots[0].file == "losses.svg");
}

TEST_CASE("A re-solve's report has no weight average, and a plot all the same", "[admin]") {
  json report = Parsed(ExampleReport());
  report["equal_weight"]["weight_average"] = nullptr;
  const json one_left = report;
  for (json& domain : report["domains"]) domain["losses"]["weight_average"] = nullptr;
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReportPlot> plots, DrawReportPlots(report));
  CHECK(absl::StrContains(plots[0].svg, "uniform mixture"));
  CHECK_FALSE(absl::StrContains(plots[0].svg, "weight average"));
  CHECK_FALSE(DrawReportPlots(one_left).ok());  // measured on some domains only: damaged
}

TEST_CASE("A damaged report is refused with the field", "[admin]") {
  const std::function<void(json&)> damages[] = {
      [](json& r) { r = json::array(); },
      [](json& r) { r.erase("inputs"); },
      [](json& r) { r["inputs"]["experts"] = json::array(); },
      [](json& r) { r["inputs"]["experts"][0].erase("label"); },
      [](json& r) { r.erase("domains"); },
      [](json& r) { r["domains"][0].erase("losses"); },
      [](json& r) { r["domains"][0]["losses"]["fused"] = "1.2"; },
      [](json& r) { r["domains"][0]["losses"]["specialists"].erase(0); },
      [](json& r) { r["domains"][0]["losses"]["specialists"][0] = nullptr; },
      [](json& r) { r["domains"][0]["public"] = 1; },
      [](json& r) { r.erase("equal_weight"); },
      [](json& r) { r["router"].erase("trajectory"); },
      [](json& r) { r["router"]["trajectory"][1]["loss"] = nullptr; },
      [](json& r) { r["spliced"]["example"]["weights_permille"].erase(0); },
      [](json& r) { r["spliced"]["example"]["weights_permille"][0] = "1 2 3"; },
      [](json& r) { r["spliced"]["example"]["weights_permille"][1] = "1 2 3 -4"; },
      [](json& r) { r["spliced"]["example"]["weights_permille"][1] = "1 2 3 1001"; },
      [](json& r) { r["spliced"]["example"]["weights_permille"][1] = 7; },
      [](json& r) { r["spliced"]["example"].erase("first"); },
      [](json& r) { r["spliced"]["example"]["change"] = 1.5; },
      [](json& r) { r["spliced"]["example"]["change"] = 5; },
      [](json& r) { r["spliced"]["example"]["stride"] = 0; },
      [](json& r) { r["spliced"]["example"]["stride"] = "1"; },
      [](json& r) { r["spliced"]["example"]["stride"] = 4097; },
      [](json& r) { r["spliced"]["example"]["change"] = -1; },
  };
  int number = 0;
  for (const auto& damage : damages) {
    json report = Parsed(ExampleReport());
    damage(report);
    CAPTURE(number++);
    REQUIRE_STATUS(DrawReportPlots(report).status(), absl::StatusCode::kInvalidArgument,
                   "JSON_INVALID");
  }
}

TEST_CASE("A base without loss is drawn in colours all the same", "[admin]") {
  json report = Parsed(ExampleReport());
  for (const char* const model : {"base", "fused"}) report["domains"][0]["losses"][model] = 0.0;
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReportPlot> plots, DrawReportPlots(report));
  const std::string& svg = plots[0].svg;
  for (size_t at = svg.find("fill=\"#"); at != std::string::npos;
       at = svg.find("fill=\"#", at + 1)) {
    INFO(svg.substr(at, 24));
    CHECK(svg.substr(at + 13, 1) == "\"");
  }
}

TEST_CASE("Names of members and domains are text, whatever they hold", "[admin]") {
  json report = Parsed(ExampleReport());
  report["inputs"]["experts"][1]["label"] = "<script>alert(1)</script>";
  report["domains"][0]["domain"] = "\"><b>";
  report["spliced"]["example"]["first"] = "<i>";
  REQUIRE_OK_AND_ASSIGN(const std::vector<ReportPlot> plots, DrawReportPlots(report));
  for (const ReportPlot& plot : plots) {
    for (const char* markup : {"<script", "<b>", "<i>"}) {
      CHECK_FALSE(absl::StrContains(plot.svg, markup));
    }
  }
}

TEST_CASE("The directory holds the report's own bytes beside page and plots", "[admin]") {
  const testing::TempDir dir;
  const FusionReport report = ExampleReport();
  const std::string directory = absl::StrCat(dir.path(), "/report");
  REQUIRE_OK(WriteReportDirectory(directory, report.json, report.markdown));
  REQUIRE_OK(WriteReportDirectory(directory, report.json, report.markdown));  // again: replaced
  REQUIRE_OK_AND_ASSIGN(const std::string json_file,
                        ReadFileBounded(absl::StrCat(directory, "/report.json"), 1 << 20));
  CHECK(json_file == report.json);
  REQUIRE_OK_AND_ASSIGN(const std::string page,
                        ReadFileBounded(absl::StrCat(directory, "/report.md"), 1 << 20));
  CHECK(absl::StartsWith(page, report.markdown));
  for (const char* file : {"losses.svg", "gate.svg", "training.svg"}) {
    CHECK(absl::StrContains(page, absl::StrCat("](", file, ")")));
    CHECK(std::filesystem::exists(absl::StrCat(directory, "/", file)));
  }
  REQUIRE_STATUS(WriteReportDirectory(absl::StrCat(dir.path(), "/none"), "{", ""),
                 absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  CHECK_FALSE(std::filesystem::exists(absl::StrCat(dir.path(), "/none")));
}

}  // namespace
}  // namespace kalavai::coordinator
