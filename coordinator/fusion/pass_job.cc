#include "coordinator/fusion/pass_job.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/probe/probe_pass.h"
#include "common/storage/atomic_file.h"
#include "common/storage/file_lock.h"

namespace kalavai::coordinator {
namespace {

absl::Status CheckMachine(const std::string& name, const ProbeMachine& wanted,
                          const ProbeMachine& found) {
  const struct {
    absl::string_view field;
    std::string wanted;
    std::string found;
  } kRows[] = {{"program version", wanted.program_version, found.program_version},
               {"arithmetic version", absl::StrCat(wanted.arithmetic_version),
                absl::StrCat(found.arithmetic_version)},
               {"matrix products", wanted.products, found.products},
               {"LibTorch", wanted.torch_version, found.torch_version},
               {"vector level", wanted.vector_level, found.vector_level}};
  for (const auto& row : kRows) {
    if (row.wanted == row.found) continue;
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "PROBE_PASS_MISMATCH",
        {.what = absl::StrCat(name, ": ", row.field, " ", row.found, " here; must be ", row.wanted,
                              ", the coordinator's"),
         .why = "with another one the last bits differ, and a fusion could not be repeated",
         .fix = "make the pass with the coordinator's program on a machine of its kind",
         .metadata = {
             {"field", std::string(row.field)}, {"found", row.found}, {"wanted", row.wanted}}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PassRun> MakePass(const std::string& work, const std::string& name,
                                 const PassJobOptions& options) {
  PassRun run;
  ASSIGN_OR_RETURN(run.order, ReadPassOrder(work, name));
  const ProbeMachine& machine = run.order.machine;
  ASSIGN_OR_RETURN(const Device device, OpenDevice(machine.device));
  RETURN_IF_ERROR(CheckMachine(name, machine, ThisMachine(device, machine.threads)));
  ASSIGN_OR_RETURN(const ProbeText probe, LoadPassText(work, run.order));
  RETURN_IF_ERROR(SetThreads(machine.threads));
  RETURN_IF_ERROR(EnsureDirectory(CacheDirectory(work, machine), 0700));
  run.cache = PassCachePath(work, run.order);
  ProbePassOptions pass;
  pass.features = run.order.features;
  pass.device = device;
  pass.wait = options.wait;
  pass.progress = [&](int64_t done, int64_t chunks) -> absl::Status {
    run.made = run.made || done > 0;
    RETURN_IF_ERROR(CheckPassStands(work, name));
    return options.progress ? options.progress(done, chunks) : absl::OkStatus();
  };
  pass.confirm = [&]() -> absl::Status {
    run.made = true;
    return CheckPassStands(work, name);
  };
  ASSIGN_OR_RETURN(const ProbeCache cache, MeasureModel(PassModelDirectory(work, name), run.cache,
                                                        run.order.key.model_digest, probe, pass));
  run.chunks = cache.chunk_count;
  return run;
}

absl::string_view PassStateName(PassState state) {
  switch (state) {
    case PassState::kOpen:
      return "OPEN";
    case PassState::kHeld:
      return "HELD";
    case PassState::kMade:
      return "MADE";
    case PassState::kInvalid:
      return "INVALID";
  }
  return "";
}

absl::StatusOr<std::vector<ListedPass>> ListPasses(const std::string& work) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListPassNames(work));
  std::vector<ListedPass> passes;
  for (const std::string& name : names) {
    absl::StatusOr<PassOrder> order = ReadPassOrder(work, name);
    if (GetErrorReason(order.status()) == "PROBE_PASS_NOT_FOUND") continue;  // gone meanwhile
    ListedPass pass{.name = name, .detail = "", .order = {}};
    if (!order.ok()) {
      pass.state = PassState::kInvalid;
      pass.detail = std::string(order.status().message());
      passes.push_back(std::move(pass));
      continue;
    }
    pass.order = *std::move(order);
    const std::string cache = PassCachePath(work, pass.order);
    const std::string lock = absl::StrCat(cache, ".lock");
    ASSIGN_OR_RETURN(const bool held, FileLock::IsHeld(lock));
    if (held) {
      pass.state = PassState::kHeld;
      pass.detail = FileLock::HolderOf(lock);
    } else if (HoldsProbeArrays(cache, pass.order.features)) {
      pass.state = PassState::kMade;
    }
    passes.push_back(std::move(pass));
  }
  return passes;
}

}  // namespace kalavai::coordinator
