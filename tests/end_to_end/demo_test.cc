// Goal: the whole job, launch to leaving, by the real programs on real text; and a second run gives
// the same numbers. Method: deploy/demo/run_demo.sh at its smallest size, twice, and its output as
// a reader sees it.
#include <cstdlib>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

std::string RunDemo(const std::string& directory) {
  const testing::ProcessResult result =
      testing::RunProcess({"/usr/bin/env", "KALAVAI_DEMO_SIZE=tiny",
                           absl::StrCat("KALAVAI_DEMO_BIN=", KALAVAI_PROGRAMS),
                           absl::StrCat("KALAVAI_DEMO_DIR=", directory), "bash",
                           absl::StrCat(KALAVAI_SOURCE_DIR, "/deploy/demo/run_demo.sh")},
                          absl::Seconds(280));
  INFO(result.out);
  INFO(result.error);
  REQUIRE(result.code == 0);
  return result.out;
}

// The cells of the first table row that starts with `label`.
std::vector<double> Row(const std::string& out, const std::string& label) {
  for (const auto line : absl::StrSplit(out, '\n')) {
    if (!absl::StartsWith(line, absl::StrCat("| ", label, " |"))) continue;
    std::vector<double> cells;
    for (const auto cell : absl::StrSplit(line, '|')) {
      double value = 0;
      if (absl::SimpleAtod(cell, &value)) cells.push_back(value);
    }
    return cells;
  }
  return {};
}

// What a repeated run must give again: digests of base, weights, probe text and router, and every
// table. Times and ports differ, and so does what holds a nonce or a key: the charter's digest and
// the root digests of the submissions.
std::string Repeatable(const std::string& out) {
  const std::regex kept(
      R"(^(\||  root digest  |held-out loss|divergence| +\d+  [0-9a-f]{64}  model\.safetensors).*)");
  const std::regex varying(R"(^\| (charter|\w+ \(\w+\)) \| `[0-9a-f]{64}` \|$)");
  std::vector<std::string> lines;
  for (const auto piece : absl::StrSplit(out, '\n')) {
    const std::string line(piece);
    if (std::regex_match(line, kept) && !std::regex_match(line, varying)) lines.push_back(line);
  }
  return absl::StrJoin(lines, "\n");
}

TEST_CASE("From a base to a fused answer, twice with the same numbers", "[end_to_end]") {
  testing::TempDir directory;
  const std::string first = RunDemo(directory.File("first"));

  const std::vector<double> fused = Row(first, "**fused**");
  const std::vector<double> oracle = Row(first, "oracle (domain known)");
  REQUIRE(fused.size() == 6);  // four domains, the public class, EW
  REQUIRE(oracle.size() == 6);
  double best = 1e9;
  for (const char* specialist :
       {"alice (python)", "bogdan (cplusplus)", "chiara (perl)", "daniel (licences)"}) {
    const std::vector<double> row = Row(first, specialist);
    REQUIRE(row.size() == 6);
    best = std::min(best, row.back());
  }
  CHECK(fused.back() < 0.95 * best);           // more than 5 % below the best single specialist
  CHECK(fused.back() < 1.01 * oracle.back());  // within 1 % of knowing the domain
  CHECK(Row(first, "uniform mixture").size() == 6);
  CHECK(Row(first, "weight average").size() == 6);
  CHECK(absl::StrContains(first, "ADMITTED  cooperatives/demo/submissions/daniel-1"));
  CHECK_FALSE(absl::StrContains(first, "QUARANTINED"));
  // One leaves: its receipt holds, and the others' model is served without it.
  CHECK(absl::StrContains(first, "verified: cooperatives/demo/contributors/daniel  WITHDRAWN"));
  CHECK(absl::StrContains(first, "replaced by cooperatives/demo/models/fusion-2"));
  CHECK(absl::StrContains(first, "cooperatives/demo/models/fusion-2  ACTIVE"));

  const std::string second = RunDemo(directory.File("second"));
  CHECK(Repeatable(first).size() > 1000);
  CHECK(Repeatable(first) == Repeatable(second));
}

}  // namespace
}  // namespace kalavai
