// Goal: what was acknowledged survives the loss of power; kill -9 cannot show that, because it
// keeps the page cache. Method: the file calls of an upload, with its database and log, are
// recorded; for a crash after each of them, images of what the disk may hold are made by several
// models of loss (crash_image.h), and every promise made until then is looked for in each.
#include <string>
#include <utility>
#include <vector>

#include "common/storage/atomic_file.h"
#include "tests/faults/upload_scenario.h"
#include "tests/support/catch.h"
#include "tests/support/crash_image.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::CheckPromises;
using testing::CrashLoss;
using testing::FaultyFileSystem;
using testing::Promise;
using testing::RunUploads;
using testing::TempDir;

constexpr std::pair<CrashLoss, uint64_t> kLosses[] = {
    {CrashLoss::kNothing, 0}, {CrashLoss::kEverything, 0}, {CrashLoss::kData, 0},
    {CrashLoss::kNames, 0},   {CrashLoss::kRandom, 1},     {CrashLoss::kRandom, 2}};

TEST_CASE("An upload keeps its promises when power is lost after any file call", "[faults]") {
  const TempDir dir;
  std::vector<std::pair<size_t, Promise>> promises;  // with the calls made before
  FaultyFileSystem recorder(dir.path());
  REQUIRE_OK(RunUploads(dir.path(), [&](const Promise& promise) {
    promises.emplace_back(recorder.history().size(), promise);
  }));
  recorder.Disarm();
  CHECK(recorder.history().size() > 80);
  for (size_t step = 0; step <= recorder.history().size(); ++step) {
    std::vector<Promise> made;
    for (const auto& [calls, promise] : promises) {
      if (calls <= step) made.push_back(promise);
    }
    for (const auto& [loss, seed] : kLosses) {
      const TempDir images;
      INFO("crash after " << step << " calls, loss " << static_cast<int>(loss) << "/" << seed);
      testing::WriteCrashImage(recorder.history(), step, dir.path(), loss, seed,
                               images.File("image"));
      CheckPromises(images.File("image"), made);
      REQUIRE_OK(RunUploads(images.File("image"), [](const Promise&) {}));
    }
  }
}

TEST_CASE("A written file and a made directory survive the loss of power", "[faults]") {
  const TempDir dir;
  FaultyFileSystem recorder(dir.path());
  REQUIRE_OK(EnsureDirectory(dir.File("a/b"), 0700));
  const size_t made = recorder.history().size();
  REQUIRE_OK(WriteFileAtomically(dir.File("a/b/f"), "old"));
  const size_t first = recorder.history().size();
  REQUIRE_OK(WriteFileAtomically(dir.File("a/b/f"), "new"));
  const size_t second = recorder.history().size();
  REQUIRE_OK(CreateFileAtomically(dir.File("a/b/g"), "created"));
  recorder.Disarm();
  for (size_t step = made; step <= recorder.history().size(); ++step) {
    for (const auto& [loss, seed] : kLosses) {
      const TempDir images;
      INFO("crash after " << step << " calls, loss " << static_cast<int>(loss) << "/" << seed);
      testing::WriteCrashImage(recorder.history(), step, dir.path(), loss, seed,
                               images.File("image"));
      const auto f = ReadFileBounded(images.File("image/a/b/f"), 100);
      const auto g = ReadFileBounded(images.File("image/a/b/g"), 100);
      if (f.ok()) CHECK((*f == "new" || (step < second && *f == "old")));
      if (step >= first) REQUIRE_OK(f);
      if (g.ok()) CHECK(*g == "created");
      if (step == recorder.history().size()) REQUIRE_OK(g);
      REQUIRE_OK(WriteFileAtomically(images.File("image/a/b/f"), "again"));
    }
  }
}

}  // namespace
}  // namespace kalavai
