#include "coordinator/fusion/fusion_worker.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/model/model_config.h"
#include "common/probe/gate_statistics.h"
#include "common/probe/logit_pass.h"
#include "common/probe/probe_arrays.h"
#include "common/probe/probe_pass.h"
#include "common/router/router_training.h"
#include "common/rpc/resource_name.h"
#include "common/storage/atomic_file.h"
#include "coordinator/fusion/fusion_report.h"
#include "coordinator/fusion/member_traces.h"
#include "coordinator/fusion/pass_job.h"
#include "coordinator/fusion/pass_processes.h"
#include "coordinator/fusion/probe_memory.h"
#include "coordinator/fusion/probe_texts.h"
#include "coordinator/fusion/reference_model.h"
#include "coordinator/fusion/weight_average.h"
#include "coordinator/router_safetensors.h"

namespace kalavai::coordinator {
namespace {

absl::Status Stopping() {
  return MakeError(absl::StatusCode::kCancelled, "SHUTTING_DOWN",
                   {.what = "fusion: the coordinator stops; the fusion goes on when it starts"});
}

// Where the blob of a plan's file lies; "" when the plan has no such file.
std::string BlobPath(const BlobStore& blobs, const std::vector<BlobFile>& files,
                     absl::string_view path) {
  for (const BlobFile& file : files) {
    if (file.path == path) return blobs.Path(file.digest);
  }
  return "";
}

}  // namespace

struct FusionWorker::Job {
  FusionRecord record;
  FusionPlan plan;
  ProbeText probe;
  std::vector<ProbeCache> caches;                   // [n], the base first
  std::vector<double> weight_average_loss;          // [D] on the evaluation part
  std::vector<std::vector<double>> reference_loss;  // [references][D], likewise
  int64_t models_done = 0;                          // of all that read the probe text
  int64_t models = 0;
  FusionState state = FusionState::kQueued;  // entered last, and since when
  Stopwatch watch = {};
};

FusionWorker::FusionWorker(const Dependencies& dependencies, std::string work_directory)
    : dependencies_(dependencies),
      work_directory_(std::move(work_directory)),
      queue_(/*thread_count=*/1, limits::kFusionTasksMax) {}

absl::Status FusionWorker::Wake() {
  const absl::Status queued = queue_.Add([this] { RunWaiting(); });
  // A full queue holds a wake-up that has not begun: it finds every row that is there by now.
  return GetErrorReason(queued) == "QUEUE_FULL" ? absl::OkStatus() : queued;
}

void FusionWorker::RunWaiting() {
  std::set<std::string> given_up;  // their end could not be saved: the next wake-up tries again
  while (!stopping_) {
    const auto waiting = dependencies_.fusions.ListUnfinished();
    if (!waiting.ok()) {
      return LogError("Could not list fusions", {{"error", waiting.status().ToString()}});
    }
    const auto is_new = [&](const auto& fusion) { return !given_up.contains(fusion.name); };
    const auto next = std::find_if(waiting->begin(), waiting->end(), is_new);
    if (next == waiting->end()) return;
    given_up.insert(next->name);
    Run(next->name);
  }
}

absl::Status FusionWorker::Resume() {
  RemoveModels();
  RETURN_IF_ERROR(RemoveForeignCaches(work_directory_));
  ASSIGN_OR_RETURN(const std::vector<FusionRecord> unfinished,
                   dependencies_.fusions.ListUnfinished());
  if (unfinished.empty()) RemovePasses();
  for (const FusionRecord& fusion : unfinished) {
    LogInfo("Resumed fusion",
            {{"fusion", fusion.name}, {"state", std::string(FusionStateName(fusion.state))}});
  }
  return unfinished.empty() ? absl::OkStatus() : Wake();
}

absl::Status FusionWorker::EraseWithdrawn(const std::vector<std::string>& kept) const {
  return EraseTraces(dependencies_.fusions, work_directory_, kept);
}

std::string FusionWorker::FilePath(absl::string_view fusion, absl::string_view file) const {
  const absl::StatusOr<ChildName> name = ParseFusionName(fusion);
  if (!name.ok()) return "";
  return absl::StrCat(work_directory_, "/fusions/", name->cooperative, "/", name->id, "/", file);
}

std::string FusionWorker::RouterPath(absl::string_view fusion) const {
  return FilePath(fusion, kRouterFile);
}

std::string FusionWorker::CachePath(const Job& job, const ProbeCacheKey& key) const {
  return absl::StrCat(CacheDirectory(work_directory_, MachineOf(job.record)), "/",
                      ProbeCacheFileName(key));
}

ProbeMachine FusionWorker::MachineOf(const FusionRecord& record) const {
  return ThisMachine(dependencies_.device, record.threads);
}

ProbeCacheKey FusionWorker::KeyOf(const Job& job, const std::string& model_digest) const {
  return {.model_digest = model_digest,
          .probe_digest = job.probe.digest,
          .arithmetic_digest = ArithmeticDigest(MachineOf(job.record))};
}

void FusionWorker::Run(const std::string& fusion) {
  const Stopwatch watch;
  const absl::Status status = Work(fusion);
  if (status.ok()) {
    Tell(FusionState::kSucceeded, watch);
    LogInfo("Finished fusion", {{"fusion", fusion}});
  } else if (stopping_) {
    LogInfo("Paused fusion", {{"fusion", fusion}});
  } else if (const absl::Status saved = Fail(fusion, status); !saved.ok()) {
    LogError("Could not save the failure of a fusion",
             {{"fusion", fusion}, {"error", std::string(saved.message())}});
  } else {
    Tell(FusionState::kFailed, watch);
  }
  RemoveModels();
  if (!stopping_) static_cast<void>(RemoveFile(FilePath(fusion, kLogitJournalFile)).ok());
  if (!stopping_) RemovePasses();  // else other processes go on while the coordinator starts anew
  ReturnFreedMemory();
  dependencies_.watch.Notify(fusion);
  if (dependencies_.on_end && !stopping_) dependencies_.on_end(fusion);
}

// Links to blobs, and the average's own weights: nothing that a later run needs. Passes that were
// begun elsewhere end when their directory goes.
void FusionWorker::RemoveModels() const {
  std::error_code ignored;
  std::filesystem::remove_all(absl::StrCat(work_directory_, "/models"), ignored);
}

void FusionWorker::RemovePasses() const {
  std::error_code ignored;
  std::filesystem::remove_all(absl::StrCat(work_directory_, "/passes"), ignored);
}

absl::Status FusionWorker::Fail(const std::string& fusion, absl::Status status) {
  // The bytes of a member that has left vanish under a running fusion: that it left is the reason.
  const absl::StatusOr<FusionRecord> record = dependencies_.fusions.Get(fusion);
  if (record.ok() && IsFinal(record->state)) return absl::OkStatus();  // it was told already
  if (record.ok()) {
    const absl::StatusOr<FusionPlan> plan = PlanAgain(*record);
    if (!plan.ok()) status = plan.status();
  }
  std::string reason = GetErrorReason(status);
  if (reason.empty()) reason = "INTERNAL";
  LogWarning("Failed fusion",
             {{"fusion", fusion}, {"reason", reason}, {"error", std::string(status.message())}});
  return dependencies_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(dependencies_.fusions.SetFailed(fusion, reason, status.message(),
                                                    dependencies_.clock.Now()));
    return dependencies_.audit.Append("coordinator", "FAIL_FUSION", fusion, {{"reason", reason}})
        .status();
  });
}

void FusionWorker::Tell(FusionState state, const Stopwatch& watch) const {
  if (dependencies_.on_state) {
    dependencies_.on_state(state, absl::ToDoubleSeconds(watch.Elapsed()));
  }
}

absl::Status FusionWorker::Enter(Job& job, FusionState state, const FusionProgress& progress) {
  if (stopping_) return Stopping();
  RETURN_IF_ERROR(MayGoOn(job.record));
  if (state != job.state) {
    if (job.state != FusionState::kQueued) Tell(job.state, job.watch);
    job.state = state;
    job.watch = Stopwatch();
  }
  RETURN_IF_ERROR(dependencies_.fusions.SetState(job.record.name, state, progress));
  dependencies_.watch.Notify(job.record.name);
  return absl::OkStatus();
}

absl::Status FusionWorker::Work(const std::string& fusion) {
  Job job;
  RETURN_IF_ERROR(Prepare(fusion, job));
  RETURN_IF_ERROR(Probe(job));
  RETURN_IF_ERROR(Finish(job));
  Tell(job.state, job.watch);
  return absl::OkStatus();
}

// Plans again from the rows: what the fusion was created with must still stand.
absl::StatusOr<FusionPlan> FusionWorker::PlanAgain(const FusionRecord& record) const {
  ASSIGN_OR_RETURN(const ChildName name, ParseFusionName(record.name));
  FusionWish wish{.cooperative = name.cooperative,
                  .submissions = {},
                  .seed = record.seed,
                  .steps = record.steps,
                  .threads = record.threads,
                  .mixture = record.mixture,
                  .references = record.references,
                  .superseded = true,
                  .samples = record.samples};
  for (const FusionExpert& expert : record.experts) {
    if (!expert.submission.empty()) wish.submissions.push_back(expert.submission);
  }
  ASSIGN_OR_RETURN(FusionPlan plan, PlanFusion(dependencies_.sources, wish));
  if (plan.experts != record.experts || plan.samples != record.samples) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED",
                     {.what = absl::StrCat(record.name, ": an input changed since it was created"),
                      .fix = "start a new fusion"});
  }
  return plan;
}

absl::Status FusionWorker::PlanInto(Job& job) const {
  ASSIGN_OR_RETURN(job.plan, PlanAgain(job.record));
  // As it was then: whatever is decided while it waits or runs changes nothing of it.
  ASSIGN_OR_RETURN(job.plan.inputs.left_out, LeftOutOf(job.record.input_json));
  job.plan.inputs.probe_digest = job.probe.digest;
  job.plan.inputs.torch_version = std::string(TorchVersion());
  job.plan.inputs.vector_level = std::string(
      dependencies_.device == Device::kCpu ? VectorLevel() : NameOf(dependencies_.device));
  return absl::OkStatus();
}

absl::Status FusionWorker::Prepare(const std::string& fusion, Job& job) {
  ASSIGN_OR_RETURN(job.record, dependencies_.fusions.Get(fusion));
  RETURN_IF_ERROR(PlanInto(job));
  RETURN_IF_ERROR(SetThreads(job.record.threads));
  RETURN_IF_ERROR(EnsureDirectory(work_directory_, 0700));
  return EnsureDirectory(CacheDirectory(work_directory_, MachineOf(job.record)), 0700);
}

absl::Status FusionWorker::Count(Job& job) {
  return Enter(job, FusionState::kProbing,
               {.done = ++job.models_done, .total = job.models, .unit = "models"});
}

absl::Status FusionWorker::Probe(Job& job) {
  job.models = static_cast<int64_t>(job.plan.experts.size() + (job.record.weight_average ? 1 : 0) +
                                    job.record.references.size());
  RETURN_IF_ERROR(
      Enter(job, FusionState::kProbing, {.done = 0, .total = job.models, .unit = "models"}));
  ASSIGN_OR_RETURN(job.probe, LoadProbeText(dependencies_.blobs, job.plan.probe_texts,
                                            BlobPath(dependencies_.blobs, job.plan.expert_files[0],
                                                     "tokenizer.json"),
                                            job.plan.inputs.chunk_tokens));
  job.plan.inputs.probe_digest = job.probe.digest;
  RETURN_IF_ERROR(CheckMemory(job));
  RETURN_IF_ERROR(ProbeModels(job));
  RETURN_IF_ERROR(Screen(job));
  if (job.record.weight_average) {
    ASSIGN_OR_RETURN(const ProbeCache average, ProbeAverage(job));
    job.weight_average_loss = MeanLosses(job.probe, average, ProbePart::kEvaluation);
    RETURN_IF_ERROR(Count(job));
  }
  for (const ReferenceModel& reference : job.record.references) {
    ASSIGN_OR_RETURN(const ProbeCache cache, ProbeReference(job, reference));
    job.reference_loss.push_back(MeanLosses(job.probe, cache, ProbePart::kEvaluation));
    RETURN_IF_ERROR(Count(job));
  }
  RemoveModels();
  RemovePasses();
  return absl::OkStatus();
}

absl::Status FusionWorker::CheckMemory(const Job& job) const {
  ASSIGN_OR_RETURN(
      const std::string text,
      ReadFileBounded(BlobPath(dependencies_.blobs, job.plan.expert_files[0], "config.json"),
                      limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::FromJson(text));
  return CheckProbeMemory(job.probe, static_cast<int64_t>(job.plan.experts.size()),
                          config.hidden_size, MemoryLimit());
}

PassOrder FusionWorker::OrderOf(const Job& job, size_t index) const {
  PassOrder order = {.key = KeyOf(job, job.plan.experts[index].root_digest.Hex()),
                     .features = index == 0,
                     .chunk_tokens = job.plan.inputs.chunk_tokens,
                     .machine = MachineOf(job.record),
                     .model = job.plan.expert_files[index]};
  for (const ProbeTextRow& text : job.plan.probe_texts) {
    order.texts.push_back({.domain = text.domain,
                           .public_class = text.public_class,
                           .format = text.format,
                           .digest = text.digest});
  }
  for (const BlobFile& file : job.plan.expert_files[0]) {
    if (file.path == "tokenizer.json") order.tokenizer = file.digest;
  }
  return order;
}

// Base and specialists: what is in the caches, then a pass for each of the others.
absl::Status FusionWorker::ProbeModels(Job& job) {
  job.caches.resize(job.plan.experts.size());
  std::vector<size_t> missing;
  for (size_t i = 0; i < job.plan.experts.size(); ++i) {
    const PassOrder order = OrderOf(job, i);
    const std::string path = PassCachePath(work_directory_, order);
    absl::StatusOr<ProbeCache> cached = ReadProbeCache(path, order.key);
    if (cached.ok() && (!order.features || cached->feature_width > 0)) {
      job.caches[i] = *std::move(cached);
      RETURN_IF_ERROR(Count(job));
      continue;
    }
    if (GetErrorReason(cached.status()) == "PROBE_CACHE_INVALID") {
      LogWarning(
          "Refused probe arrays; they are made again",
          {{"reason", "PROBE_CACHE_INVALID"}, {"error", std::string(cached.status().message())}});
    }
    missing.push_back(i);
  }
  // All of them before the first begins, so that other processes can take some.
  for (const size_t i : missing) {
    RETURN_IF_ERROR(WritePassOrder(dependencies_.blobs, OrderOf(job, i), work_directory_));
  }
  if (dependencies_.jobs.count > 1) return ProbeInProcesses(job, missing);
  return ProbeHere(job, std::move(missing));
}

// Who is no better than the base on its domain's text is not in the fusion any more.
absl::Status FusionWorker::Screen(Job& job) {
  SpecialistScreening screening(
      {.database = dependencies_.database,
       .submissions = dependencies_.sources.submissions,
       .fusions = dependencies_.fusions,
       .audit = dependencies_.audit,
       .clock = dependencies_.clock,
       .quarantine = dependencies_.quarantine,
       .plan_again = [this](const auto& fusion) { return PlanAgain(fusion); }});
  ASSIGN_OR_RETURN(
      const std::vector<size_t> without,
      screening.Screen(job.record, ProbeDivergences(job.probe, job.record.experts, job.caches)));
  if (without.empty()) return absl::OkStatus();
  for (size_t k = without.size(); k-- > 0;) {
    job.caches.erase(job.caches.begin() + static_cast<std::ptrdiff_t>(without[k]));
  }
  ASSIGN_OR_RETURN(job.record, dependencies_.fusions.Get(job.record.name));
  return PlanInto(job);
}

// What another process holds comes last.
absl::Status FusionWorker::ProbeHere(Job& job, std::vector<size_t> models) {
  for (const bool wait : {false, true}) {
    for (const size_t i : std::exchange(models, {})) {
      const ProbeCacheKey key = OrderOf(job, i).key;
      absl::StatusOr<ProbeCache> cache =
          RunPass(job, PassModelDirectory(work_directory_, PassName(key)), key,
                  /*features=*/i == 0, wait);
      if (!wait && GetErrorReason(cache.status()) == "PROBE_PASS_HELD") {
        LogInfo("Put off a probe pass that is made elsewhere",
                {{"pass", PassName(key)}, {"error", std::string(cache.status().message())}});
        models.push_back(i);
        continue;
      }
      RETURN_IF_ERROR(cache.status());
      job.caches[i] = *std::move(cache);
      RETURN_IF_ERROR(Count(job));
    }
  }
  return absl::OkStatus();
}

// What a process leaves behind counts only when it is the model's arrays on this text.
absl::Status FusionWorker::ProbeInProcesses(Job& job, const std::vector<size_t>& models) {
  std::vector<ProbeCacheKey> keys;
  std::vector<std::string> names;
  for (const size_t i : models) {
    keys.push_back(OrderOf(job, i).key);
    names.push_back(PassName(keys.back()));
  }
  PassProcessesOptions options;
  options.program = dependencies_.jobs.program;
  options.data = std::filesystem::path(work_directory_).parent_path().string();
  options.count = dependencies_.jobs.count;
  options.go_on = [&] { return stopping_ ? Stopping() : MayGoOn(job.record); };
  options.on_start = [&](size_t k) {
    if (dependencies_.on_pass) dependencies_.on_pass(keys[k].model_digest);
  };
  options.on_end = [&](size_t k) -> absl::Status {
    ASSIGN_OR_RETURN(job.caches[models[k]], ReadProbeCache(CachePath(job, keys[k]), keys[k]));
    return Count(job);
  };
  return RunPassProcesses(names, options);
}

absl::StatusOr<ProbeCache> FusionWorker::ProbeAverage(const Job& job) {
  std::vector<Digest> digests;
  for (size_t i = 1; i < job.plan.experts.size(); ++i) {
    digests.push_back(job.plan.experts[i].root_digest);
  }
  const std::string digest = WeightAverageKey(digests).Hex();
  const ProbeCacheKey key = KeyOf(job, digest);
  const absl::StatusOr<ProbeCache> cached = ReadProbeCache(CachePath(job, key), key);
  if (cached.ok()) return cached;
  std::vector<std::string> directories;
  for (size_t i = 1; i < job.plan.experts.size(); ++i) {
    directories.push_back(ModelDirectory(job.plan.experts[i].root_digest.Hex()));
    RETURN_IF_ERROR(
        MaterialiseCheckpoint(dependencies_.blobs, job.plan.expert_files[i], directories.back()));
  }
  const std::string directory = ModelDirectory(digest);
  RETURN_IF_ERROR(WriteWeightAverage(directories, directory));
  return RunPass(job, directory, key, /*features=*/false, /*wait=*/true);
}

// Read where the administrator keeps it: it is no part of the model, so nothing is copied.
absl::StatusOr<ProbeCache> FusionWorker::ProbeReference(const Job& job,
                                                        const ReferenceModel& reference) {
  const ProbeCacheKey key = KeyOf(job, reference.root_digest.Hex());
  const absl::StatusOr<ProbeCache> cached = ReadProbeCache(CachePath(job, key), key);
  if (cached.ok()) return cached;
  RETURN_IF_ERROR(CheckUnchanged(reference));
  return RunPass(job, reference.directory, key, /*features=*/false, /*wait=*/true);
}

absl::StatusOr<ProbeCache> FusionWorker::RunPass(const Job& job, const std::string& directory,
                                                 const ProbeCacheKey& key, bool features,
                                                 bool wait) {
  ProbePassOptions options;
  options.features = features;
  options.wait = wait;
  options.device = dependencies_.device;
  options.progress = [&](int64_t, int64_t) -> absl::Status {
    return stopping_ ? Stopping() : MayGoOn(job.record);
  };
  if (dependencies_.on_pass) dependencies_.on_pass(key.model_digest);
  const std::string path = CachePath(job, key);
  absl::StatusOr<ProbeCache> cache =
      MeasureModel(directory, path, key.model_digest, job.probe, options);
  // A member that left while its arrays were written must not leave them behind.
  const absl::Status stands = PlanAgain(job.record).status();
  if (!stands.ok()) {
    RETURN_IF_ERROR(RemoveFile(path));
    RETURN_IF_ERROR(RemoveFile(absl::StrCat(path, ".partial")));
  }
  RETURN_IF_ERROR(stands);
  return cache;
}

// Of the members whose domain has no probe text, in the order of the experts.
absl::StatusOr<std::vector<ClassStatistics>> FusionWorker::ReadMemberStatistics(Job& job,
                                                                                int width) const {
  std::vector<ClassStatistics> statistics;
  for (size_t i = 0; i < job.plan.statistics.size(); ++i) {
    if (!job.plan.statistics[i].has_value()) continue;
    absl::StatusOr<ClassStatistics> one =
        ReadGateStatistics(dependencies_.blobs.Path(*job.plan.statistics[i]),
                           job.plan.inputs.experts[i].domain, width, job.plan.inputs.chunk_tokens);
    if (!one.ok()) return Annotate(one.status(), job.plan.experts[i].submission);
    job.plan.inputs.experts[i].statistics_noise = one->noise;
    statistics.push_back(*std::move(one));
  }
  return statistics;
}

// What only whole distributions tell: how a mixture of logits does on the judged texts. All models
// are in memory at once, as when it is served.
absl::Status FusionWorker::JudgeLogits(Job& job, std::span<const int32_t> chunks,
                                       FiguresInput& input) {
  const auto total = static_cast<int64_t>(chunks.size());
  RETURN_IF_ERROR(
      Enter(job, FusionState::kEvaluating, {.done = 0, .total = total, .unit = "texts"}));
  ReturnFreedMemory();                   // of the passes before
  RETURN_IF_ERROR(CheckFits(job.plan));  // hours after it was wished for
  std::vector<LogitPassModel> models;
  for (size_t i = 0; i < job.plan.experts.size(); ++i) {
    const std::string digest = job.plan.experts[i].root_digest.Hex();
    models.push_back({.directory = ModelDirectory(digest), .digest = digest});
    RETURN_IF_ERROR(MaterialiseCheckpoint(dependencies_.blobs, job.plan.expert_files[i],
                                          models.back().directory));
  }
  ASSIGN_OR_RETURN(const std::vector<WeighedText> texts, WeighJudgedTexts(input));
  if (dependencies_.on_pass) dependencies_.on_pass("logit-mixture");
  LogitPassOptions options;
  options.device = dependencies_.device;
  options.journal_path = FilePath(job.record.name, kLogitJournalFile);
  options.progress = [&](int64_t done, int64_t) {
    return Enter(job, FusionState::kEvaluating, {.done = done, .total = total, .unit = "texts"});
  };
  ASSIGN_OR_RETURN(input.logit_log_prob, RunLogitPass(models, job.probe, chunks, texts, options));
  RemoveModels();
  return absl::OkStatus();
}

absl::Status FusionWorker::Finish(Job& job) {
  const int64_t steps = job.record.steps;
  RETURN_IF_ERROR(
      Enter(job, FusionState::kTrainingRouter, {.done = 0, .total = steps, .unit = "steps"}));
  std::vector<const ProbeCache*> caches;
  for (const ProbeCache& cache : job.caches) caches.push_back(&cache);
  ASSIGN_OR_RETURN(const ProbeArrays router_part,
                   ProbeArrays::Assemble(job.probe, caches, ProbePart::kRouter));
  ASSIGN_OR_RETURN(const ProbeArrays evaluation_part,
                   ProbeArrays::Assemble(job.probe, caches, ProbePart::kEvaluation));
  job.caches = {};  // copied: the base's hidden states are the largest thing there is
  RouterTrainingOptions options;
  options.seed = job.record.seed;
  options.steps = static_cast<int>(steps);
  options.threads = static_cast<int>(job.record.threads);
  options.progress = [&](int64_t done) {
    return Enter(job, FusionState::kTrainingRouter,
                 {.done = done, .total = steps, .unit = "steps"});
  };
  ASSIGN_OR_RETURN(const std::vector<ClassStatistics> statistics,
                   ReadMemberStatistics(job, router_part.data().width));
  std::vector<RidgeClass> members;
  for (size_t i = 0, next = 0; i < job.plan.statistics.size(); ++i) {
    if (!job.plan.statistics[i].has_value()) continue;
    members.push_back({.statistics = &statistics[next++], .expert = static_cast<int>(i)});
  }
  ASSIGN_OR_RETURN(const TrainedRouter trained, TrainRouter(router_part.data(), members, options));

  const std::string router_path = RouterPath(job.record.name);
  RETURN_IF_ERROR(EnsureDirectory(std::filesystem::path(router_path).parent_path().string(), 0700));
  FiguresInput input{.router_part = &router_part.data(),
                     .evaluation_part = &evaluation_part.data(),
                     .public_class = {},
                     .expert_labels = {},
                     .expert_domains = {},
                     .weight_average_loss = job.weight_average_loss,
                     .reference_loss = job.reference_loss,
                     .ladder = trained.Ladder(),
                     .kept_rung = trained.kept_rung,
                     .threads = options.threads,
                     .mixture = job.record.mixture};
  for (const ProbeDomain& domain : job.probe.domains) {
    input.public_class.push_back(domain.public_class ? 1 : 0);
  }
  for (const ReportExpert& expert : job.plan.inputs.experts) {
    input.expert_labels.push_back(expert.label);
    input.expert_domains.push_back(expert.domain);
  }
  RETURN_IF_ERROR(
      job.record.mixture == Mixture::kLogit
          ? JudgeLogits(job, evaluation_part.chunks(), input)
          : Enter(job, FusionState::kEvaluating, {.done = steps, .total = steps, .unit = "steps"}));
  ASSIGN_OR_RETURN(const FusionOutcome outcome, ComputeFigures(input));

  RETURN_IF_ERROR(WriteRouter(router_path, outcome.router));
  ASSIGN_OR_RETURN(const Digest router_digest, Sha256OfFile(router_path));
  ReportRouter router{.digest = router_digest.Hex(),
                      .training_reason = trained.reason,
                      .kept_rung = trained.kept_rung,
                      .held_out_loss = {},
                      .trajectory = trained.trajectory};
  for (const RungEvaluation& rung : outcome.ladder) {
    router.held_out_loss.push_back(trained.HeldOutLoss(rung.rung));
  }
  const FusionReport report = WriteFusionReport(job.plan.inputs, router, outcome);
  return Save(job, outcome, router_digest, report);
}

absl::Status FusionWorker::Save(const Job& job, const FusionOutcome& outcome,
                                const Digest& router_digest, const FusionReport& report) {
  const FusionFigures figures = StoredFigures(outcome, router_digest, report);
  const MeasuredLosses losses = StoredLosses(outcome, job.record.experts);
  return dependencies_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(dependencies_.fusions.SetSucceeded(job.record.name, figures, losses,
                                                       dependencies_.clock.Now()));
    return dependencies_.audit
        .Append("coordinator", "FINISH_FUSION", job.record.name,
                {{"inputs_digest", Sha256Of(ReportInputsJson(job.plan.inputs)).Hex()},
                 {"router_digest", figures.router_digest.Hex()},
                 {"report_digest", figures.report_digest.Hex()},
                 {"gain_percent", figures.gain_percent},
                 {"guard_met", figures.guard_met}})
        .status();
  });
}

}  // namespace kalavai::coordinator
