// Goal: a fusion that is killed with SIGKILL before any pass of a model, in the middle of one, or
// after any step that was saved goes on at the next start and ends with the same router and report.
// Method: children on copies of one prepared site are killed at each event in turn; the parent
// never computes, so that nothing of LibTorch is carried over a fork.
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>

#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/fusion_site.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr char kFusion[] = "cooperatives/nordic/fusions/killed";

// Runs `work` in a child; true when it was killed, and not when it ended well.
bool KilledIn(const std::function<bool()>& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(work() ? 0 : 2);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) {
    const bool ours = WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGALRM;
    REQUIRE(ours);
    return true;
  }
  REQUIRE(WEXITSTATUS(status) == 0);
  return false;
}

// Where the child ends: at the event of this number, or soon after the pass of this number began.
struct Death {
  int event = 0;
  int pass = 0;
};

// Ends the process as SIGKILL does, but in two milliseconds from now: in the middle of a pass.
void DieSoon() {
  itimerval soon = {};
  soon.it_value.tv_usec = 2000;
  static_cast<void>(setitimer(ITIMER_REAL, &soon, nullptr));
}

// Goes on with every unfinished fusion of the site, as a started server does.
bool Resume(const std::string& at, const Death& death) {
  Site site(at);
  int events = 0, passes = 0;
  const auto count = [&] {
    if (++events == death.event) static_cast<void>(raise(SIGKILL));
  };
  FusionWorker worker({.database = *site.database,
                       .sources = site.Sources(),
                       .fusions = site.fusions,
                       .blobs = *site.blobs,
                       .audit = site.audit,
                       .watch = site.watch,
                       .clock = SystemClock(),
                       .on_pass =
                           [&](absl::string_view) {
                             count();
                             if (++passes == death.pass) DieSoon();
                           }},
                      site.directory.File("fusions"));
  const int64_t listener = site.watch.Add(kFusion, count);
  if (!worker.Resume().ok()) return false;
  const bool done = site.Wait(kFusion).state == FusionState::kSucceeded;
  worker.Stop();
  site.watch.Remove(listener);
  return done;
}

FusionFigures FiguresOf(const std::string& at) {
  const std::unique_ptr<Database> database = Database::Open(at + "/coordinator.db").value();
  const FusionRecord record = FusionStore(*database).Get(kFusion).value();
  REQUIRE(record.figures.has_value());
  return *record.figures;
}

TEST_CASE("A fusion killed at any event ends with the same digest", "[faults]") {
  const TempDir temp;
  const std::string prepared = temp.File("prepared");
  fs::create_directories(prepared);
  REQUIRE_FALSE(KilledIn([&] {
    Site site(prepared);
    site.Admit("bergen", "tide");
    site.Admit("oslo", "stone");
    return site.Create("killed", 5) == kFusion;
  }));
  const auto fresh = [&](const std::string& name) {
    const std::string at = temp.File(name);
    fs::remove_all(at);
    fs::copy(prepared, at, fs::copy_options::recursive);
    return at;
  };
  const std::string whole = fresh("whole");
  REQUIRE_FALSE(KilledIn([&] { return Resume(whole, {}); }));
  const FusionFigures expected = FiguresOf(whole);
  const auto check = [&](const std::string& at) {
    REQUIRE_FALSE(KilledIn([&] { return Resume(at, {}); }));
    const FusionFigures figures = FiguresOf(at);
    CHECK(figures.router_digest == expected.router_digest);
    CHECK(figures.report_json == expected.report_json);
    CHECK_FALSE(fs::exists(at + "/fusions/models"));
  };
  int event = 1;
  for (;; ++event) {
    INFO("killed at event " << event);
    const std::string at = fresh("event");
    const bool killed = KilledIn([&] { return Resume(at, {.event = event}); });
    check(at);
    if (!killed) break;
  }
  CHECK(event > 12);  // four passes, and more than eight saved steps
  int in_the_middle = 0;
  for (int pass = 1; pass <= 4; ++pass) {
    INFO("killed within pass " << pass);
    const std::string at = fresh("pass");
    if (KilledIn([&] { return Resume(at, {.event = 0, .pass = pass}); })) ++in_the_middle;
    check(at);
  }
  CHECK(in_the_middle > 0);
}

}  // namespace
}  // namespace kalavai::coordinator
