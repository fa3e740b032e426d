// What a disk may hold after power is lost: kill -9 keeps the page cache, so only this finds a
// missing fsync. Replays the history of a FaultyFileSystem up to a step and writes the image that a
// crash right then may leave into another directory.
//
//   std::vector<FileCall> history;   // of operations on `directory`, from its being empty
//   for (size_t step = 0; step <= history.size(); ++step) {
//     WriteCrashImage(history, step, directory, CrashLoss::kEverything, 0, image);
//     … everything acknowledged by `step` is in `image` …
//   }
//
// The model: a file's bytes are safe after fsync or fdatasync of that file; a name (creation,
// rename, link, removal) after fsync of its directory. Nothing else is promised, but that
// a rename between directories does not lose both names, which journals see to.
#ifndef KALAVAI_TESTS_SUPPORT_CRASH_IMAGE_H_
#define KALAVAI_TESTS_SUPPORT_CRASH_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tests/support/faulty_file_system.h"

namespace kalavai::testing {

enum class CrashLoss {
  kNothing,     // kill -9
  kEverything,  // all that was not synced
  kData,        // names are there, unsynced bytes are not: the empty renamed file
  kNames,       // the reverse
  kRandom,      // by `seed`: each name, and each unsynced write, whole, half or not at all
};

// `image` is made, and must not exist.
void WriteCrashImage(std::span<const FileCall> history, size_t steps, const std::string& directory,
                     CrashLoss loss, uint64_t seed, const std::string& image);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_SUPPORT_CRASH_IMAGE_H_
