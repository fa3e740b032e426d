// Goal: a pass made from its directory has the bytes of one made inside a fusion, goes on where it
// was, lets one process at it, and is refused on another machine or when it was taken back. Method:
// a tiny base; the lock taken here, the directory removed while the pass runs.
#include "coordinator/fusion/pass_job.h"

#include <filesystem>

#include "common/model/determinism.h"
#include "common/probe/probe_pass.h"
#include "common/storage/file_lock.h"
#include "tests/support/catch.h"
#include "tests/unit/coordinator/fusion/pass_fixture.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

TEST_CASE("A pass made alone has the bytes of the fusion's, also when it was ended", "[fusion]") {
  OrderedPass pass;
  pass.order.features = true;
  pass.Write();
  REQUIRE_OK(SetThreads(1));
  const std::string straight = pass.temp.File("straight");
  REQUIRE_OK(MeasureModel(pass.base, straight, pass.order.key.model_digest, pass.probe,
                          {.features = true}));
  const auto stop = [](int64_t, int64_t) { return absl::CancelledError("stop"); };
  CHECK(absl::IsCancelled(MakePass(pass.work, pass.Name(), {.progress = stop}).status()));
  const std::string cache = PassCachePath(pass.work, pass.order);
  CHECK(fs::exists(cache + ".partial"));
  CHECK(ListPasses(pass.work).value()[0].state == PassState::kOpen);

  int64_t first = 0;
  const auto progress = [&](int64_t done, int64_t) {
    if (first == 0) first = done;
    return absl::OkStatus();
  };
  REQUIRE_OK_AND_ASSIGN(const PassRun run,
                        MakePass(pass.work, pass.Name(), {.progress = progress}));
  CHECK(run.made);
  CHECK(run.cache == cache);
  CHECK(run.chunks == pass.probe.chunk_count());
  CHECK(first > 8);  // the first batch was kept
  CHECK(testing::ReadFile(cache) == testing::ReadFile(straight));
  CHECK_FALSE(fs::exists(cache + ".partial"));
  CHECK(ListPasses(pass.work).value()[0].state == PassState::kMade);
  CHECK_FALSE(MakePass(pass.work, pass.Name(), {}).value().made);
}

TEST_CASE("Arrays without features are none for a pass that wants them", "[fusion]") {
  OrderedPass pass;
  pass.order.features = true;
  pass.Write();
  REQUIRE_OK(SetThreads(1));
  const std::string cache = PassCachePath(pass.work, pass.order);
  fs::create_directories(fs::path(cache).parent_path());
  // As when the base is some other cooperative's reference model.
  REQUIRE_OK(MeasureModel(pass.base, cache, pass.order.key.model_digest, pass.probe, {}));
  CHECK(HoldsProbeArrays(cache, false));
  CHECK_FALSE(HoldsProbeArrays(cache, true));
  CHECK(ListPasses(pass.work).value()[0].state == PassState::kOpen);
  CHECK(MakePass(pass.work, pass.Name(), {}).value().made);
  CHECK(HoldsProbeArrays(cache, true));
  CHECK(ListPasses(pass.work).value()[0].state == PassState::kMade);
  testing::WriteFile(cache, "damaged");
  CHECK_FALSE(HoldsProbeArrays(cache, false));
}

TEST_CASE("The second at a pass is told who is first, or waits", "[fusion]") {
  const OrderedPass pass;
  pass.Write();
  const std::string lock = PassCachePath(pass.work, pass.order) + ".lock";
  fs::create_directories(fs::path(lock).parent_path());
  std::optional<FileLock> held = FileLock::Try(lock).value();
  REQUIRE(held.has_value());
  const auto run = MakePass(pass.work, pass.Name(), {});
  REQUIRE_STATUS(run, absl::StatusCode::kUnavailable, "PROBE_PASS_HELD");
  CHECK(GetErrorDetail(run.status())->text.metadata.at("holder") == FileLock::HolderOf(lock));
  const std::vector<ListedPass> listed = ListPasses(pass.work).value();
  CHECK(listed[0].state == PassState::kHeld);
  CHECK(listed[0].detail == FileLock::HolderOf(lock));
  int asked = 0;
  const auto free_it = [&](int64_t done, int64_t) {
    if (done == 0 && ++asked == 2) held.reset();
    return absl::OkStatus();
  };
  CHECK(MakePass(pass.work, pass.Name(), {.wait = true, .progress = free_it}).value().made);
  CHECK(asked == 2);
}

TEST_CASE("Another program, library or processor is refused before any compute", "[fusion]") {
  const ProbeMachine here = ThisMachine(Device::kCpu, 1);
  ProbeMachine version = here;
  version.program_version = "0.0.1";
  ProbeMachine torch = here;
  torch.torch_version = "1.0";
  ProbeMachine level = here;
  level.vector_level = "ABACUS";
  ProbeMachine arithmetic = here;
  --arithmetic.arithmetic_version;
  ProbeMachine products = here;
  products.products = "bfloat16";
  for (const ProbeMachine& machine : {version, torch, level, arithmetic, products}) {
    OrderedPass pass;
    pass.order.machine = machine;
    pass.Write();
    REQUIRE_STATUS(MakePass(pass.work, pass.Name(), {}), absl::StatusCode::kFailedPrecondition,
                   "PROBE_PASS_MISMATCH");
    CHECK_FALSE(fs::exists(pass.work + "/caches"));
  }
}

TEST_CASE("Nothing is left of a pass that is taken back while it runs", "[fusion]") {
  for (const bool at_the_end : {false, true}) {
    const OrderedPass pass;
    pass.Write();
    const auto remove = [&](int64_t done, int64_t chunks) {
      if (!at_the_end || done == chunks) fs::remove(pass.File("pass.json"));
      return absl::OkStatus();
    };
    REQUIRE_STATUS(MakePass(pass.work, pass.Name(), {.progress = remove}),
                   absl::StatusCode::kNotFound, "PROBE_PASS_NOT_FOUND");
    CHECK_FALSE(fs::exists(PassCachePath(pass.work, pass.order)));
  }
}

TEST_CASE("A damaged description is listed as such", "[fusion]") {
  const OrderedPass pass;
  CHECK(ListPasses(pass.work).value().empty());
  pass.Write();
  testing::WriteFile(pass.File("pass.json"), "{");
  const std::vector<ListedPass> listed = ListPasses(pass.work).value();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].state == PassState::kInvalid);
  CHECK_FALSE(listed[0].detail.empty());
  CHECK(PassStateName(listed[0].state) == "INVALID");
}

}  // namespace
}  // namespace kalavai::coordinator
