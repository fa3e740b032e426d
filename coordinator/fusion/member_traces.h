// What fusions leave on the disk of a member, and how it goes when the member leaves (design §6):
//
//   WORK/caches/*/<model>-<probe>.probe.safetensors   probe arrays of its specialists, and of
//   weight
//                                                     averages that hold one of them
//   WORK/passes/<model>-<probe>/                      links to its bytes, while a model is read
//   WORK/models/<model>/                              weight averages, likewise
//   WORK/fusions/<cooperative>/<fusion>/router.safetensors   of every fusion that mixed it
//   WORK/fusions/<cooperative>/<fusion>/logit.partial        the judging of it, while it runs
//
// Everything is found again from the rows, so that erasing can be repeated after a crash, and
// finishes what was begun. Errors: those of the stores and of the file system. Any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_MEMBER_TRACES_H_
#define KALAVAI_COORDINATOR_FUSION_MEMBER_TRACES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/fusion/fusion_store.h"

namespace kalavai::coordinator {

inline constexpr char kLogitJournalFile[] = "logit.partial";

// The names (hexadecimal digests, sorted, each once) under which arrays of withdrawn specialists
// and of averages with them are kept; of a fusion that read a withdrawn sample, the names of all of
// its models: each has arrays of that text.
absl::StatusOr<std::vector<std::string>> TracesOfWithdrawn(const FusionStore& fusions);

// Deletes all of the above; routers of the fusions in `kept` (resource names) stay.
// `work_directory` as of FusionWorker.
absl::Status EraseTraces(const FusionStore& fusions, const std::string& work_directory,
                         const std::vector<std::string>& kept);

// One file, and the name of it durably; OK when there is none.
absl::Status RemoveFile(const std::string& path);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_MEMBER_TRACES_H_
