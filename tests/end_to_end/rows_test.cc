// Goal: a member measures its row with the real program, killed in the middle without loss, and the
// verdict rests on rows once all members have.
// Method: two members of the small cooperative; SIGKILL as soon as something was kept; the figures
// of a measurement that was never disturbed.
#include <csignal>
#include <filesystem>
#include <string>

#include "nlohmann/json.hpp"

#include "tests/end_to_end/small_cooperative.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using nlohmann::json;

TEST_CASE("Rows survive a kill and carry the verdict", "[end_to_end]") {
  Site site;
  site.Join("ann", "code", "1");
  site.Join("bo", "prose", "2");
  const std::vector<std::string> measure = {"predict",   "--rows", "--row-chunks", "64",
                                            "--threads", "1",      "--format",     "json"};
  const std::string kept = site.File("ann/training/row.json");
  {
    BackgroundProcess process(site.MemberCommand("ann", measure), site.File("killed"));
    REQUIRE(Becomes([&] { return fs::exists(kept); }));
    process.Signal(SIGKILL);
    process.Wait();
  }
  const json half = json::parse(testing::ReadFile(kept));  // whole, whenever it was killed
  const ProcessResult alone = site.Member("ann", measure);
  CHECK(alone.code == 1);  // reported; there is nobody else yet
  CHECK(json::parse(alone.error.substr(alone.error.rfind('{')))["reason"] ==
        "MEASUREMENTS_MISSING");
  const json resumed = json::parse(testing::ReadFile(kept));
  for (const auto& [domain, losses] : half["domains"].items()) {
    for (const char* const model : {"base", "own"}) {
      if (!losses[model].empty()) CHECK(resumed["domains"][domain][model] == losses[model]);
    }
  }
  fs::remove(kept);
  CHECK(site.Member("ann", measure).code == 1);
  CHECK(json::parse(testing::ReadFile(kept)) == resumed);

  const ProcessResult both = site.Member("bo", measure);
  RequireDone(both);
  const json answer = json::parse(both.out);
  INFO(both.out);
  CHECK(answer["basis"] == "rows");
  CHECK(answer["rows"]["low"] <= answer["rows"]["value"]);
  CHECK(answer["row"]["code"]["left_out"] == 0);
  CHECK(answer["row"]["code"]["tokens"].get<int>() % 31 == 0);
  CHECK(answer.contains("over_own_percent"));
  CHECK_FALSE(answer.contains("rows_note"));
  const ProcessResult page = site.Member("bo", {"predict"});  // the kept row, for a person
  RequireDone(page);
  CHECK(page.out.find("Your row") != std::string::npos);
  const ProcessResult operators = site.Admin({"predict", "--cooperative", "c"});
  RequireDone(operators);
  CHECK(operators.out.find("measured by the members at home") != std::string::npos);
}

}  // namespace
}  // namespace kalavai
