// Goal: standard output holds the result and nothing else; errors say what, why and fix.
// Method: a console over string streams.
#include "common/cli/console.h"

#include <sstream>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

const absl::Status kError =
    MakeError(absl::StatusCode::kFailedPrecondition, "NOT_JOINED",
              {.what = "no member", .why = "the rule", .fix = "kalavai join CODE"});

TEST_CASE("Human output: result on one stream, the rest on the other", "[cli]") {
  std::ostringstream out, error;
  Console console(OutputFormat::kHuman, false, false, out, error);
  console.Note("working");
  console.Warn("little text");
  console.Result({{"a", 1}}, "done");
  console.Error(kError);
  CHECK(out.str() == "done\n");
  CHECK(error.str() ==
        "working\nwarning: little text\nerror[NOT_JOINED]: no member\n  why: the rule\n  fix: "
        "kalavai join CODE\n");
}

TEST_CASE("JSON output is the bare object, its error a bare object too", "[cli]") {
  std::ostringstream out, error;
  Console console(OutputFormat::kJson, false, false, out, error);
  console.Note("silent");
  {
    Progress progress(console, "Training", 10, "steps");
    progress.Update(10);
  }
  console.Result({{"a", 1}}, "done");
  console.Error(kError);
  CHECK(nlohmann::json::parse(out.str()) == nlohmann::json({{"a", 1}}));
  CHECK(nlohmann::json::parse(error.str()) ==
        nlohmann::json(
            {{"reason", "NOT_JOINED"}, {"message", "no member"}, {"fix", "kalavai join CODE"}}));
}

TEST_CASE("Data is printed byte for byte, and not beside a JSON object", "[cli]") {
  const std::string bytes("a\r\x1b\0\xff\n", 6);
  std::ostringstream out, json, error;
  Console(OutputFormat::kHuman, false, false, out, error).Data(bytes);
  Console(OutputFormat::kJson, false, false, json, error).Data(bytes);
  CHECK(out.str() == bytes);
  CHECK(json.str().empty());
}

TEST_CASE("Nothing that is printed can drive the terminal", "[cli]") {
  std::ostringstream out, error;
  Console console(OutputFormat::kHuman, false, false, out, error);
  const std::string hostile =
      "a\x1b[2J\rb\x07\x7f\xc2\x9b"
      "31m\t\xc3\xa9\n";
  const std::string shown =
      "a\uFFFD[2J\uFFFDb\uFFFD\uFFFD\uFFFD"
      "31m\t\u00E9\n";
  console.Stream(hostile);
  console.Result({}, hostile);
  CHECK(out.str() == shown + shown);
  console.Note(hostile);
  console.Warn(hostile);
  console.Error(MakeError(absl::StatusCode::kUnknown, "A\x1b", {.what = hostile, .fix = hostile}));
  CHECK(error.str().find_first_of("\x1b\r\x07\x7f") == std::string::npos);
  CHECK(error.str().find("\xc2\x9b") == std::string::npos);
}

TEST_CASE("A plain status is printed by its code", "[cli]") {
  std::ostringstream out, error;
  Console console(OutputFormat::kHuman, false, false, out, error);
  console.Error(absl::InternalError("broken"));
  CHECK(error.str() == "error[INTERNAL]: broken\n");
}

TEST_CASE("Progress without a terminal ends with one line", "[cli]") {
  std::ostringstream out, error;
  Console console(OutputFormat::kHuman, false, false, out, error);
  Progress progress(console, "Sending", 2000, "bytes");
  progress.Update(1000);
  progress.Update(2000, "done");
  progress.Finish();
  progress.Finish();
  CHECK(error.str().find("Sending  2.0 kB / 2.0 kB") == 0);
  CHECK(error.str().find('\n') == error.str().size() - 1);
}

TEST_CASE("Sizes, durations and counts read well", "[cli]") {
  CHECK(HumanBytes(999) == "999 B");
  CHECK(HumanBytes(1500) == "1.5 kB");
  CHECK(HumanBytes(2'500'000) == "2.5 MB");
  CHECK(HumanDuration(absl::Seconds(3)) == "3.0 s");
  CHECK(HumanDuration(absl::Seconds(123)) == "2 min 3 s");
  CHECK(HumanDuration(absl::Hours(2)) == "2 h 0 min");
  CHECK(HumanCount(12345) == "12.3 k");
}

}  // namespace
}  // namespace kalavai
