// Goal: kill -9 of the real coordinator while a member submits, while a fusion runs and while a
// member leaves loses nothing: each is finished by the next start or by typing the command again,
// and the receipt of leaving holds with the coordinator down. Method: the real programs, a
// cooperative of three members with specialists of some ten megabytes, SIGKILL at what the data
// directory shows.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"

#include "tests/end_to_end/small_cooperative.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

// The coordinator dies three times, further on each time.
void SubmitThroughKills(Site& site, const std::string& id) {
  int in_transit = 0;
  for (const int64_t reached : {int64_t{1}, int64_t{2 << 20}, int64_t{6 << 20}}) {
    BackgroundProcess submit(site.MemberCommand(id, {"submit"}), site.File("submit.log"));
    if (Becomes([&] { return site.StagingBytes() >= reached; })) ++in_transit;
    site.Kill();
    site.Serve();
    const int code = submit.Wait();  // it resumes by itself, or says that trying again is worth it
    INFO(testing::ReadFile(site.File("submit.log")));
    const bool resumable = code == 0 || code == 3;
    REQUIRE(resumable);
    if (code == 0) break;
  }
  CHECK(in_transit > 0);
  RequireDone(site.Member(id, {"submit"}));
}

TEST_CASE("kill -9 of the coordinator anywhere in a cooperative's life", "[end_to_end]") {
  Site site;
  site.Join("alice", "code", "1");
  site.Join("bob", "prose", "2");
  site.Join("carol", "code", "3");
  SubmitThroughKills(site, "alice");
  RequireDone(site.Member("bob", {"submit"}));
  RequireDone(site.Member("carol", {"submit"}));

  RequireDone(site.Admin({"fuse", "--cooperative", "c", "--no-watch", "--steps", "20"}));
  const std::string caches = site.File("data/fusions/caches");
  for (const int64_t models : {1, 3}) {  // while the models read the probe text, one by one
    CHECK(Becomes([&] {
      std::error_code ignored;
      int64_t files = 0;
      for (fs::recursive_directory_iterator it(caches, ignored), end; it != end;
           it.increment(ignored)) {
        files += it->is_regular_file(ignored) && it->path().extension() != ".lock" ? 1 : 0;
      }
      return files >= models;
    }));
    site.Kill();
    site.Serve();
  }
  RequireDone(site.Admin({"fuse", "--cooperative", "c", "--fusion", "fusion-1"}));
  RequireDone(site.Admin({"release", "--cooperative", "c", "--acknowledge", "a test"}));

  {
    BackgroundProcess leaving(site.MemberCommand("carol", {"withdraw", "--yes"}),
                              site.File("withdraw.log"));
    // At the first leaf of it, or a little later.
    absl::SleepFor(absl::Milliseconds(60));
    site.Kill();
    static_cast<void>(leaving.Wait());  // it may have been answered already
  }
  site.Serve();
  RequireDone(site.Member("carol", {"withdraw", "--yes"}));
  const ProcessResult again = site.Member("carol", {"withdraw", "--yes", "--format", "json"});
  RequireDone(again);
  const std::string receipt = site.File("carol/receipts/withdrawal.json");
  const std::string kept = testing::ReadFile(receipt);
  // The re-solve is released when it meets the guard; with these toy models it may not.
  std::string members;
  CHECK(Becomes([&] {
    members = site.Admin({"members", "--cooperative", "c", "--format", "json"}).out;
    return absl::StrContains(members, "\"DONE\"");
  }));
  INFO(members);
  const bool concluded = absl::StrContains(members, "cooperatives/c/models/fusion-2") ||
                         absl::StrContains(members, "GUARD_NOT_MET");
  CHECK(concluded);
  const ProcessResult back =
      site.Admin({"rollback", "--cooperative", "c", "--model", "fusion-1", "--comment", "a test"});
  CHECK(back.code == 1);
  CHECK(absl::StrContains(back.error, "error[MODEL_HAS_WITHDRAWN_MEMBER]"));
  site.Stop();

  // Down for good: the receipt speaks for itself, and a changed one does not.
  RequireDone(site.Member("carol", {"verify-receipt", receipt}));
  testing::WriteFile(receipt, absl::StrReplaceAll(kept, {{"\"sig\":\"", "\"sig\":\"AA"}}));
  CHECK(site.Member("carol", {"verify-receipt", receipt}).code == 1);
  CHECK(testing::ReadFile(receipt) != kept);
  RequireDone(site.Coordinator({"verify", "--data", site.File("data")}));
}

}  // namespace
}  // namespace kalavai
