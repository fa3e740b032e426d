// Goal: a fusion that is killed with SIGKILL before any pass of a model, in the middle of one, or
// after any step that was saved goes on at the next start and ends with the same router and report,
// whichever mixture it is.
// Method: children on copies of one prepared site are killed at each event in turn; the parent
// never computes, so that nothing of LibTorch is carried over a fork.
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

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
  FusionWorker::Dependencies dependencies = site.Dependencies();
  dependencies.on_pass = [&](absl::string_view) {
    count();
    if (++passes == death.pass) DieSoon();
  };
  FusionWorker worker(std::move(dependencies), site.directory.File("fusions"));
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

// One fusion, prepared once and copied for each death.
struct Prepared {
  TempDir temp;
  FusionFigures expected;

  explicit Prepared(Mixture mixture) {
    const std::string prepared = temp.File("prepared");
    fs::create_directories(prepared);
    REQUIRE_FALSE(KilledIn([&] {
      Site site(prepared);
      site.Admit("bergen", "tide");
      site.Admit("oslo", "stone");
      return site.Create("killed", 5, /*weight_average=*/true, {}, mixture) == kFusion;
    }));
    const std::string whole = Fresh("whole");
    REQUIRE_FALSE(KilledIn([&] { return Resume(whole, {}); }));
    expected = FiguresOf(whole);
  }

  std::string Fresh(const std::string& name) const {
    const std::string at = temp.File(name);
    fs::remove_all(at);
    fs::copy(temp.File("prepared"), at, fs::copy_options::recursive);
    return at;
  }

  // Whether it was killed there; in either case the next start ends it, with the same figures.
  bool Dies(const Death& death) const {
    const std::string at = Fresh("death");
    const bool killed = KilledIn([&] { return Resume(at, death); });
    REQUIRE_FALSE(KilledIn([&] { return Resume(at, {}); }));
    const FusionFigures figures = FiguresOf(at);
    CHECK(figures.router_digest == expected.router_digest);
    CHECK(figures.report_json == expected.report_json);
    CHECK_FALSE(fs::exists(at + "/fusions/models"));
    CHECK_FALSE(fs::exists(at + "/fusions/fusions/nordic/killed/logit.partial"));
    return killed;
  }
};

TEST_CASE("A fusion killed at any event ends with the same digest", "[faults]") {
  const Prepared fusion(Mixture::kProbability);
  int event = 1;
  for (;; ++event) {
    INFO("killed at event " << event);
    if (!fusion.Dies({.event = event})) break;
  }
  CHECK(event > 12);  // four passes, and more than eight saved steps
  int in_the_middle = 0;
  for (int pass = 1; pass <= 4; ++pass) {
    INFO("killed within pass " << pass);
    if (fusion.Dies({.event = 0, .pass = pass})) ++in_the_middle;
  }
  CHECK(in_the_middle > 0);
}

TEST_CASE("The judging of a mixture of logits killed at any text ends with the same digest",
          "[faults]") {
  const Prepared fusion(Mixture::kLogit);
  int deaths = 0;
  for (int event = 15;; event += 8) {
    INFO("killed at event " << event);
    if (!fusion.Dies({.event = event})) break;
    ++deaths;
  }
  CHECK(deaths > 3);
  CHECK(fusion.Dies({.event = 0, .pass = 5}));  // while the models are loaded to judge
}

}  // namespace
}  // namespace kalavai::coordinator
