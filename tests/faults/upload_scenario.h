// A coordinator's disk, and two files that a member uploads to it, with every promise noted that is
// made on the way. For the tests that end it at any point and look whether the promises are kept.
#ifndef KALAVAI_TESTS_FAULTS_UPLOAD_SCENARIO_H_
#define KALAVAI_TESTS_FAULTS_UPLOAD_SCENARIO_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kalavai::testing {

// Said to somebody: it must be true after any crash.
enum class PromiseKind {
  kMigrated,   // the schema is whole
  kPersisted,  // `size` bytes of file `file` need not be sent again
  kHeld,       // file `file` is in the store, with its row
  kLogged,     // the log has `size` leaves
};
struct Promise {
  PromiseKind kind = PromiseKind::kMigrated;
  int64_t file = 0;
  int64_t size = 0;
};

// Goes on wherever an earlier run was ended; OK: all is done. `promise` is called in time.
absl::Status RunUploads(const std::string& directory,
                        const std::function<void(const Promise&)>& promise);

// Opens everything anew and requires: the promises; no row without its blob; no blob under another
// digest; as many leaves as acts; a sound database with a whole number of migrations.
void CheckPromises(const std::string& directory, const std::vector<Promise>& promises);

}  // namespace kalavai::testing

#endif  // KALAVAI_TESTS_FAULTS_UPLOAD_SCENARIO_H_
