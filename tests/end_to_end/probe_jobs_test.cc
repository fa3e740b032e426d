// Goal: probe passes made by processes of their own, started by the server or by hand, one of them
// killed in the middle, give the router that the server alone gives; a broken result is refused.
// Method: the real programs, a cooperative of three members; the same fusion after the caches are
// deleted.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "tests/end_to_end/small_cooperative.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using nlohmann::json;

// The only folder there is: of one thread, this program and this processor.
std::string Caches(const Site& site) {
  std::error_code ignored;
  for (fs::directory_iterator it(site.File("data/fusions/caches"), ignored), end; it != end;
       it.increment(ignored)) {
    return it->path().string();
  }
  return site.File("data/fusions/caches/none");
}

// Of one ending, by name.
std::vector<std::string> FilesOf(const std::string& directory, const std::string& ending) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (fs::directory_iterator it(directory, ignored), end; it != end; it.increment(ignored)) {
    if (absl::EndsWith(it->path().string(), ending)) files.push_back(it->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

json Fused(Site& site, const std::string& id) {
  const ProcessResult result = site.Admin(
      {"fuse", "--cooperative", "c", "--fusion", id, "--steps", "20", "--format", "json"});
  RequireDone(result);
  return json::parse(result.out)["result"];
}

// The process that wrote itself into a lock: "HOST, process PID".
pid_t ProcessOf(const std::string& lock) {
  const std::vector<std::string> words = absl::StrSplit(testing::ReadFile(lock), ' ');
  int pid = 0;
  return absl::SimpleAtoi(words.back(), &pid) ? pid : 0;
}

// Kills one job that has done some of its pass; false when none did.
bool KillOneInTheMiddle(const Site& site) {
  return Becomes([&] {
    for (const std::string& journal : FilesOf(Caches(site), ".partial")) {
      std::error_code ignored;
      const std::string lock = journal.substr(0, journal.rfind(".partial")) + ".lock";
      const auto size = fs::file_size(journal, ignored);
      if (ignored || size < 1000 || !fs::exists(lock)) continue;
      const pid_t job = ProcessOf(lock);
      return job > 1 && kill(job, SIGKILL) == 0;
    }
    return false;
  });
}

TEST_CASE("Probe passes in processes of their own give the same router", "[end_to_end]") {
  Site site;
  site.Join("alice", "code", "1");
  site.Join("bob", "prose", "2");
  site.Join("carol", "code", "3");
  for (const std::string member : {"alice", "bob", "carol"}) {
    RequireDone(site.Member(member, {"submit"}));
  }
  const json alone = Fused(site, "alone");
  CHECK(testing::ReadFile(site.LogFile(1)).find("probe job") == std::string::npos);
  std::vector<std::string> bytes;
  for (const std::string& file : FilesOf(Caches(site), ".probe.safetensors")) {
    bytes.push_back(testing::ReadFile(file));
  }
  REQUIRE(bytes.size() == 4);
  CHECK(site.Admin({"probe", "list"}).out == "no passes: no fusion is probing\n");

  // Three at once, one of them killed.
  site.Stop();
  fs::remove_all(Caches(site));
  site.Serve({"--probe-jobs", "3"});
  RequireDone(site.Admin(
      {"fuse", "--cooperative", "c", "--fusion", "jobs", "--steps", "20", "--no-watch"}));
  CHECK(KillOneInTheMiddle(site));
  const json jobs = Fused(site, "jobs");
  CHECK(absl::StrContains(testing::ReadFile(site.LogFile(2)), "Repeated probe job"));
  CHECK(jobs["router_digest"] == alone["router_digest"]);
  CHECK(jobs["report_json"] == alone["report_json"]);
  const std::vector<std::string> files = FilesOf(Caches(site), ".probe.safetensors");
  REQUIRE(files.size() == 4);
  for (size_t i = 0; i < files.size(); ++i) CHECK(testing::ReadFile(files[i]) == bytes[i]);
  CHECK(FilesOf(Caches(site), ".partial").empty());

  // Broken arrays, and those of another model under this one's name, are refused and made again.
  testing::WriteFile(files[0], bytes[1]);
  testing::WriteFile(files[2], bytes[2].substr(0, bytes[2].size() - 1));
  CHECK(Fused(site, "mended")["router_digest"] == alone["router_digest"]);
  const std::string log = testing::ReadFile(site.LogFile(2));
  CHECK(absl::StrContains(log, "PROBE_CACHE_INVALID"));
  CHECK(testing::ReadFile(files[0]) == bytes[0]);
  CHECK(testing::ReadFile(files[2]) == bytes[2]);
}

TEST_CASE("A server that dies leaves its jobs at work, and anybody may help", "[end_to_end]") {
  Site site;
  site.Join("alice", "code", "1");
  site.Join("bob", "prose", "2");
  RequireDone(site.Member("alice", {"submit"}));
  RequireDone(site.Member("bob", {"submit"}));
  const json alone = Fused(site, "alone");
  site.Stop();
  fs::remove_all(Caches(site));
  site.Serve({"--probe-jobs", "2"});
  RequireDone(site.Admin(
      {"fuse", "--cooperative", "c", "--fusion", "left", "--steps", "20", "--no-watch"}));
  CHECK(Becomes([&] { return !FilesOf(Caches(site), ".partial").empty(); }));
  site.Kill();

  // The passes stand while the server is down: whoever has the folder makes what is open.
  const ProcessResult list = site.Admin({"probe", "list", "--format", "json"});
  RequireDone(list);
  const json passes = json::parse(list.out)["passes"];
  REQUIRE(passes.size() == 3);
  const std::string first = passes[0]["pass"];
  RequireDone(site.Admin({"probe", "run", first, "--wait"}));
  RequireDone(site.Admin({"probe", "run"}));
  const ProcessResult again = site.Admin({"probe", "run", first, "--format", "json"});
  RequireDone(again);
  CHECK(json::parse(again.out)["passes"][0]["made"] == false);

  // Mistakes.
  CHECK(site.Admin({"probe", "run", "no-such-pass"}).code == 1);
  CHECK(absl::StrContains(site.Admin({"probe", "run", "no-such-pass"}).error,
                          "error[PROBE_PASS_NOT_FOUND]"));
  CHECK(site.Admin({"probe", "run", "--wait"}).code == 2);
  for (const std::string verb : {"list", "run"}) {
    const ProcessResult lost = site.Coordinator({"probe", verb, "--data", site.File("nowhere")});
    CHECK(lost.code == 1);
    CHECK(absl::StrContains(lost.error, "error[DATA_DIRECTORY_INVALID]"));
  }
  CHECK(site.Coordinator({"serve", "--data", site.File("data"), "--probe-jobs", "0"}).code == 2);
  CHECK(site.Coordinator({"serve", "--data", site.File("data"), "--probe-jobs", "65"}).code == 2);

  site.Serve();
  CHECK(Fused(site, "left")["router_digest"] == alone["router_digest"]);
  CHECK_FALSE(fs::exists(site.File("data/fusions/passes")));
}

}  // namespace
}  // namespace kalavai
