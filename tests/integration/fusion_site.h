// A coordinator's rows, blobs and tiny models without its listeners: a base, two domains (tide and
// stone), and who is wanted of members with a specialist each. For the tests of phases 5 to 7.
#ifndef KALAVAI_TESTS_INTEGRATION_FUSION_SITE_H_
#define KALAVAI_TESTS_INTEGRATION_FUSION_SITE_H_

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

#include "common/base/clock.h"
#include "common/crypto/model_signature.h"
#include "common/probe/gate_statistics.h"
#include "common/storage/migrator.h"
#include "coordinator/checkpoint/checkpoint_importer.h"
#include "coordinator/fusion/fusion_worker.h"
#include "coordinator/fusion/model_release.h"
#include "coordinator/server/model_phases.h"
#include "coordinator/serving/generation_engine.h"
#include "coordinator/serving/model_loader.h"
#include "coordinator/submission/verdict_receipt.h"
#include "coordinator/transparency/transparency_log.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace kalavai::coordinator {
using testing::DomainTexts;
using testing::TempDir;

inline constexpr char kCooperative[] = "cooperatives/nordic";

inline std::string Jsonl(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) {
    absl::StrAppend(&lines, nlohmann::json({{"text", text}}).dump(), "\n");
  }
  return lines;
}

// The tiny models of all tests, trained once.
struct Checkpoints {
  TempDir directory;
  Checkpoints() {
    std::vector<std::string> all = DomainTexts("tide", 40, 1);
    const std::vector<std::string> stone = DomainTexts("stone", 40, 2);
    all.insert(all.end(), stone.begin(), stone.end());
    testing::WriteTinyBase(directory.File("base"), all, 5);
    testing::WriteTinySpecialist(directory.File("base"), directory.File("tide"),
                                 DomainTexts("tide", 40, 1), 40);
    testing::WriteTinySpecialist(directory.File("base"), directory.File("stone"), stone, 40);
    testing::WriteTinySpecialist(directory.File("base"), directory.File("ebb"),
                                 DomainTexts("tide", 30, 9), 20);
  }
};

inline const Checkpoints& SharedCheckpoints() {
  static const Checkpoints* const kCheckpoints = new Checkpoints;
  return *kCheckpoints;
}

// A directory of its own, or one that is there already.
class Place {
 public:
  explicit Place(const std::string& at) {
    if (at.empty()) temp_.emplace();
    path_ = at.empty() ? temp_->path() : at;
  }
  std::string File(const std::string& name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::optional<TempDir> temp_;  // nothing that a killed process would leave behind
  std::string path_;
};

// A coordinator's rows and blobs without its listeners; `at`: opened where another one was, as
// after a kill.
struct Site {
  Place directory;
  std::unique_ptr<Database> database = Database::Open(directory.File("coordinator.db")).value();
  std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(directory.File("blobs"), {.free_space_floor_bytes = 0}).value();
  SigningKey key = SigningKey::Create().value();
  TransparencyLog log{*database};
  SignedLog signed_log{log, NoteSigner::Create("kalavai/test").value()};
  Audit audit{log, SystemClock()};
  CooperativeStore cooperatives{*database};
  CheckpointStore checkpoints{*database};
  SubmissionStore submissions{*database};
  FusionStore fusions{*database};
  ModelStore models{*database};
  FusionWatch watch;
  absl::Mutex mutex;
  std::vector<std::string> passes ABSL_GUARDED_BY(mutex);
  std::atomic<int64_t> free_memory = INT64_MAX;  // what its workers are told

  // `tide_text`: whether the domain tide has probe text here; stone always has.
  explicit Site(const std::string& at = "", bool tide_text = true) : directory(at) {
    const absl::Time now = absl::Now();
    REQUIRE_OK(Migrate(*database, EmbeddedMigrations(), now));
    if (cooperatives.Get("nordic").ok()) return;
    const CheckpointRow base =
        ImportCheckpointFiles("nordic", SharedCheckpoints().directory.File("base"), *blobs, key)
            .value();
    const absl::Status founded = database->Transact([&]() -> absl::Status {
      CooperativeRow row;
      row.id = "nordic";
      row.domains = {"tide", "stone"};
      row.chunk_tokens = 32;
      row.create_time = now;
      RETURN_IF_ERROR(cooperatives.Insert(row));
      RETURN_IF_ERROR(checkpoints.Put(base, now));
      if (tide_text) RETURN_IF_ERROR(AddProbe("tide", 101));
      RETURN_IF_ERROR(AddProbe("stone", 102));
      return cooperatives.SetLaunched("nordic", "{\"charter\":1}", now);
    });
    REQUIRE_OK(founded);
  }

  absl::Status AddProbe(const std::string& domain, uint64_t seed) {
    const std::string text = Jsonl(DomainTexts(domain, 40, seed));
    ASSIGN_OR_RETURN(const Digest digest, blobs->PutBytes(text));
    return cooperatives.InsertProbeText({.cooperative = "nordic",
                                         .domain = domain,
                                         .public_class = false,
                                         .format = "jsonl",
                                         .digest = digest,
                                         .size_bytes = static_cast<int64_t>(text.size()),
                                         .router_documents = 20,
                                         .evaluation_documents = 20},
                                        absl::Now());
  }

  void Join(const std::string& member, const std::string& domain) {
    ContributorRow contributor;
    contributor.cooperative = "nordic";
    contributor.id = member;
    contributor.domain = domain;
    contributor.create_time = absl::Now();
    REQUIRE_OK(database->Transact([&] { return cooperatives.InsertContributor(contributor); }));
  }

  void Admit(const std::string& member, const std::string& domain) {
    Join(member, domain);
    Submit(member, domain, /*checkpoint=*/domain, /*id=*/member);
  }

  // An admitted submission of one who has joined: the files of a checkpoint.
  void Submit(const std::string& member, const std::string& domain, const std::string& checkpoint,
              const std::string& id, const std::string& statistics = "") {
    const absl::Time now = absl::Now();
    SubmissionRecord record;
    record.name = absl::StrCat(kCooperative, "/submissions/", id);
    record.cooperative = kCooperative;
    record.contributor = absl::StrCat(kCooperative, "/contributors/", member);
    record.domain = domain;
    record.nonce = Sha256Of(id).Hex();
    record.create_time = now;
    REQUIRE_OK(submissions.Create(record));
    std::vector<SubmissionFile> files;
    std::vector<Resource> resources;
    for (const char* const path : {"config.json", "model.safetensors", "tokenizer.json"}) {
      const std::string file = SharedCheckpoints().directory.File(checkpoint) + "/" + path;
      const Digest digest = blobs->PutFile(file).value();
      files.push_back({.path = path,
                       .size_bytes = static_cast<int64_t>(std::filesystem::file_size(file)),
                       .digest = digest,
                       .held = true});
      resources.push_back({.name = path, .digest = digest});
    }
    if (!statistics.empty()) {  // a file of gate statistics that comes along
      const Digest digest = blobs->PutFile(statistics).value();
      files.push_back({.path = kGateStatisticsFile,
                       .size_bytes = static_cast<int64_t>(std::filesystem::file_size(statistics)),
                       .digest = digest,
                       .held = true});
      resources.push_back({.name = kGateStatisticsFile, .digest = digest});
    }
    REQUIRE_OK(submissions.DeclareFiles(record.name, files));
    REQUIRE_OK(submissions.BeginChecking(record.name));
    SubmissionVerdict verdict;
    verdict.state = SubmissionState::kAdmitted;
    verdict.root_digest = RootDigest(resources);
    verdict.decide_time = now;
    REQUIRE_OK(submissions.Decide(record.name, verdict));
  }

  FusionSources Sources() { return {cooperatives, checkpoints, submissions}; }

  FusionWorker::Dependencies Dependencies() {
    return {.database = *database,
            .sources = Sources(),
            .fusions = fusions,
            .blobs = *blobs,
            .audit = audit,
            .quarantine =
                [this](const std::string& submission, const CheckResult& check,
                       const nlohmann::json& evidence) {
                  return QuarantineAdmitted({.log = signed_log, .key = key, .clock = SystemClock()},
                                            submissions, audit, submission, check, evidence);
                },
            .watch = watch,
            .clock = SystemClock(),
            .free_memory = [this] { return free_memory.load(); },
            .on_pass =
                [this](absl::string_view model) {
                  const absl::MutexLock lock(&mutex);
                  passes.emplace_back(model);
                }};
  }

  std::unique_ptr<FusionWorker> Worker() {
    return std::make_unique<FusionWorker>(Dependencies(), directory.File("fusions"));
  }

  ModelLoader::Dependencies Serving(GenerationEngine& engine, const ExpertMask& mask) {
    return {.database = *database,
            .models = models,
            .checkpoints = checkpoints,
            .submissions = submissions,
            .mask = mask,
            .blobs = *blobs,
            .engine = engine,
            .key = key.public_key(),
            .models_directory = directory.File("models"),
            .scratch_directory = directory.File("serving")};
  }

  // Models that read the probe text since the last call, by the names their arrays have.
  std::vector<std::string> TakePasses() {
    const absl::MutexLock lock(&mutex);
    return std::exchange(passes, {});
  }

  std::string Create(const std::string& id, uint64_t seed, bool weight_average = true,
                     const std::vector<std::string>& chosen = {},
                     Mixture mixture = Mixture::kProbability) {
    const FusionPlan plan = PlanFusion(Sources(), {.cooperative = "nordic",
                                                   .submissions = chosen,
                                                   .seed = seed,
                                                   .steps = 20,
                                                   .mixture = mixture})
                                .value();
    FusionRecord record;
    record.name = absl::StrCat(kCooperative, "/fusions/", id);
    record.cooperative = kCooperative;
    record.seed = seed;
    record.steps = 20;
    record.threads = 1;
    record.mixture = mixture;
    record.weight_average = weight_average;
    record.input_json = ReportInputsJson(plan.inputs);
    record.experts = plan.experts;
    record.samples = plan.samples;
    record.create_time = absl::Now();
    REQUIRE_OK(database->Transact([&] { return fusions.Create(record); }));  // as FusionStarter
    return record.name;
  }

  FusionRecord Wait(const std::string& fusion) {
    absl::Notification ended;
    std::atomic<bool> told = false;
    const int64_t listener = watch.Add(fusion, [&] {
      const absl::StatusOr<FusionRecord> record = fusions.Get(fusion);
      if (record.ok() && IsFinal(record->state) && !told.exchange(true)) ended.Notify();
    });
    if (!IsFinal(fusions.Get(fusion).value().state)) {
      REQUIRE(ended.WaitForNotificationWithTimeout(absl::Seconds(90)));
    }
    watch.Remove(listener);
    return fusions.Get(fusion).value();
  }

  FusionRecord Fuse(const std::string& id, uint64_t seed, bool weight_average = true,
                    const std::vector<std::string>& chosen = {},
                    Mixture mixture = Mixture::kProbability) {
    const std::string name = Create(id, seed, weight_average, chosen, mixture);
    const std::unique_ptr<FusionWorker> worker = Worker();
    REQUIRE_OK(worker->Wake());
    FusionRecord record = Wait(name);
    INFO(record.failure_reason << " " << record.failure_message);
    REQUIRE(record.state == FusionState::kSucceeded);
    return record;
  }
};

struct Answer {
  std::string text;
  absl::StatusOr<GenerationResult> result = absl::UnknownError("not ended");
};

inline Answer Ask(GenerationEngine& engine, const std::string& model, const std::string& prompt,
                  const std::function<std::vector<uint8_t>()>& allowed) {
  Answer answer;
  absl::Notification done;
  GenerationRequest request;
  request.model = model;
  request.prompt = prompt;
  request.output_tokens_max = 24;
  request.sampling = {.temperature = 0, .top_p = 1, .seed = 0};
  request.allowed = allowed;
  request.on_text = [&](absl::string_view text) {
    answer.text.append(text.data(), text.size());
    return true;
  };
  request.on_done = [&](absl::StatusOr<GenerationResult> result) {
    answer.result = std::move(result);
    done.Notify();
  };
  const absl::Status submitted = engine.Submit(request);
  if (!submitted.ok()) {
    answer.result = submitted;
    return answer;
  }
  done.WaitForNotification();
  return answer;
}

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_INTEGRATION_FUSION_SITE_H_
