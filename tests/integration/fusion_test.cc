// Goal: admitted specialists become one measured, signed model that answers; the same seed gives
// the same bytes; a killed fusion goes on; who has left is silent at once. Method: real stores,
// blobs and worker on a temporary directory, a tiny model with two specialists trained on made-up
// domains; no network.
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

#include "common/base/clock.h"
#include "common/crypto/model_signature.h"
#include "common/storage/migrator.h"
#include "coordinator/checkpoint/checkpoint_importer.h"
#include "coordinator/fusion/fusion_worker.h"
#include "coordinator/fusion/model_release.h"
#include "coordinator/server/model_phases.h"
#include "coordinator/serving/generation_engine.h"
#include "coordinator/serving/model_loader.h"
#include "coordinator/transparency/transparency_log.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace kalavai::coordinator {
namespace {

using testing::DomainTexts;
using testing::TempDir;

constexpr char kCooperative[] = "cooperatives/nordic";

std::string Jsonl(const std::vector<std::string>& texts) {
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
  }
};

const Checkpoints& SharedCheckpoints() {
  static const Checkpoints* const kCheckpoints = new Checkpoints;
  return *kCheckpoints;
}

// A coordinator's rows and blobs without its listeners.
struct Site {
  TempDir directory;
  std::unique_ptr<Database> database = Database::Open(directory.File("coordinator.db")).value();
  std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(directory.File("blobs"), {.free_space_floor_bytes = 0}).value();
  SigningKey key = SigningKey::Create().value();
  TransparencyLog log{*database};
  Audit audit{log, SystemClock()};
  CooperativeStore cooperatives{*database};
  CheckpointStore checkpoints{*database};
  SubmissionStore submissions{*database};
  FusionStore fusions{*database};
  ModelStore models{*database};
  FusionWatch watch;

  Site() {
    const absl::Time now = absl::Now();
    REQUIRE_OK(Migrate(*database, EmbeddedMigrations(), now));
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
      RETURN_IF_ERROR(AddProbe("tide", 101));
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

  void Admit(const std::string& member, const std::string& domain) {
    const absl::Time now = absl::Now();
    ContributorRow contributor;
    contributor.cooperative = "nordic";
    contributor.id = member;
    contributor.domain = domain;
    contributor.create_time = now;
    REQUIRE_OK(database->Transact([&] { return cooperatives.InsertContributor(contributor); }));
    SubmissionRecord record;
    record.name = absl::StrCat(kCooperative, "/submissions/", member);
    record.cooperative = kCooperative;
    record.contributor = absl::StrCat(kCooperative, "/contributors/", member);
    record.domain = domain;
    record.nonce = Sha256Of(member).Hex();
    record.create_time = now;
    REQUIRE_OK(submissions.Create(record));
    std::vector<SubmissionFile> files;
    std::vector<Resource> resources;
    for (const char* const path : {"config.json", "model.safetensors", "tokenizer.json"}) {
      const std::string file = SharedCheckpoints().directory.File(domain) + "/" + path;
      const Digest digest = blobs->PutFile(file).value();
      files.push_back({.path = path,
                       .size_bytes = static_cast<int64_t>(std::filesystem::file_size(file)),
                       .digest = digest,
                       .held = true});
      resources.push_back({.name = path, .digest = digest});
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

  std::unique_ptr<FusionWorker> Worker() {
    return std::make_unique<FusionWorker>(FusionWorker::Dependencies{.database = *database,
                                                                     .sources = Sources(),
                                                                     .fusions = fusions,
                                                                     .blobs = *blobs,
                                                                     .audit = audit,
                                                                     .watch = watch,
                                                                     .clock = SystemClock()},
                                          directory.File("fusions"));
  }

  std::string Create(const std::string& id, uint64_t seed) {
    const FusionPlan plan =
        PlanFusion(Sources(),
                   {.cooperative = "nordic", .submissions = {}, .seed = seed, .steps = 20})
            .value();
    FusionRecord record;
    record.name = absl::StrCat(kCooperative, "/fusions/", id);
    record.cooperative = kCooperative;
    record.seed = seed;
    record.steps = 20;
    record.threads = 1;
    record.input_json = ReportInputsJson(plan.inputs);
    record.experts = plan.experts;
    record.create_time = absl::Now();
    REQUIRE_OK(fusions.Create(record));
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

  FusionRecord Fuse(const std::string& id, uint64_t seed) {
    const std::string name = Create(id, seed);
    const std::unique_ptr<FusionWorker> worker = Worker();
    REQUIRE_OK(worker->Start(name));
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

Answer Ask(GenerationEngine& engine, const std::string& model, const std::string& prompt,
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

TEST_CASE("one admitted specialist is not enough", "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  REQUIRE_STATUS(PlanFusion(site.Sources(), {.cooperative = "nordic", .submissions = {}}),
                 absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS");
}

TEST_CASE("bad wishes are refused before any compute", "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const std::string bergen = "cooperatives/nordic/submissions/bergen";
  const std::string nobody = "cooperatives/nordic/submissions/nobody";
  REQUIRE_STATUS(
      PlanFusion(site.Sources(), {.cooperative = "nordic", .submissions = {bergen, nobody}}),
      absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED");
  REQUIRE_STATUS(
      PlanFusion(site.Sources(), {.cooperative = "nordic", .submissions = {bergen, bergen}}),
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  REQUIRE_STATUS(
      PlanFusion(site.Sources(), {.cooperative = "nordic", .submissions = {}, .steps = 0}),
      absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
}

TEST_CASE("fuse, release, load, ask: each domain is answered by its own specialist", "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const FusionRecord fusion = site.Fuse("first", 7);
  REQUIRE(fusion.figures->gain_percent > 0);
  const MeasuredLosses losses = site.fusions.GetLossMatrix(fusion.name).value();
  REQUIRE(losses.domains == std::vector<std::string>{"stone", "tide"});
  REQUIRE(losses.loss[1][1] < losses.loss[0][1]);  // bergen beats the base on its tide
  REQUIRE(losses.loss[2][0] < losses.loss[0][0]);  // and oslo on its stone

  const std::unique_ptr<FusionWorker> worker = site.Worker();
  const std::string model = "cooperatives/nordic/models/first";
  REQUIRE_OK_AND_ASSIGN(const ReleasedModel released,
                        WriteRelease(fusion, site.key,
                                     {.name = model,
                                      .directory = site.directory.File("models/nordic/first"),
                                      .router_path = worker->RouterPath(fusion.name),
                                      .acknowledged_reason = "a test",
                                      .now = absl::Now()}));
  REQUIRE_OK(InstallRelease(released));

  GenerationEngine engine(1);
  const ExpertMask mask(site.cooperatives, site.submissions);
  ModelLoader loader({.models = site.models,
                      .checkpoints = site.checkpoints,
                      .submissions = site.submissions,
                      .mask = mask,
                      .blobs = *site.blobs,
                      .engine = engine,
                      .key = site.key.public_key(),
                      .models_directory = site.directory.File("models"),
                      .scratch_directory = site.directory.File("serving")});
  const auto everybody = [] { return std::vector<uint8_t>{1, 1, 1}; };
  REQUIRE_STATUS(Ask(engine, model, "tidea", everybody).result, absl::StatusCode::kUnavailable,
                 "MODEL_NOT_READY");
  REQUIRE_OK(loader.Publish(RecordOf(released)));
  REQUIRE_STATUS(loader.Publish(RecordOf(released)), absl::StatusCode::kAlreadyExists,
                 "MODEL_EXISTS");
  loader.Activate(model);
  // The engine works in order: when it has refused this one, the model before is loaded.
  absl::Notification loaded;
  REQUIRE_OK(engine.Load({.name = "nothing", .expert_directories = {}, .router = {}},
                         [&](const absl::Status&) { loaded.Notify(); }));
  loaded.WaitForNotification();

  const std::string tide = absl::StrJoin(DomainTexts("tide", 1, 77), " ").substr(0, 60);
  const std::string stone = absl::StrJoin(DomainTexts("stone", 1, 78), " ").substr(0, 60);
  const Answer of_tide = Ask(engine, model, tide, everybody);
  const Answer of_stone = Ask(engine, model, stone, everybody);
  REQUIRE_OK(of_tide.result);
  REQUIRE_OK(of_stone.result);
  REQUIRE(of_tide.result->usage.expert_share[1] > 0.5);
  REQUIRE(of_stone.result->usage.expert_share[2] > 0.5);
  REQUIRE(!of_tide.text.empty());
  REQUIRE(Ask(engine, model, tide, everybody).text == of_tide.text);

  // Withdrawn: the expert that led has no share, from the stores alone.
  const std::vector<ModelExpertRecord> experts = site.models.Get(model).value().experts;
  REQUIRE(mask.Allowed(experts) == std::vector<uint8_t>{1, 1, 1});
  REQUIRE_OK(site.database->Transact(
      [&] { return site.cooperatives.Withdraw("nordic", "bergen", absl::Now()); }));
  REQUIRE(mask.Allowed(experts) == std::vector<uint8_t>{1, 0, 1});
  const Answer without = Ask(engine, model, tide, [&] { return mask.Allowed(experts); });
  REQUIRE_OK(without.result);
  REQUIRE(without.result->usage.expert_share[1] == 0);

  REQUIRE_STATUS(Ask(engine, model, "", everybody).result, absl::StatusCode::kInvalidArgument,
                 "PROMPT_EMPTY");
  REQUIRE_STATUS(
      Ask(engine, model, absl::StrJoin(DomainTexts("tide", 8, 1), " "), everybody).result,
      absl::StatusCode::kInvalidArgument, "PROMPT_TOO_LONG");
}

TEST_CASE("the same seed gives the same router and report, another site included", "[fusion]") {
  FusionFigures first;
  {
    Site site;
    site.Admit("bergen", "tide");
    site.Admit("oslo", "stone");
    first = *site.Fuse("first", 11).figures;
    const FusionFigures again = *site.Fuse("again", 11).figures;  // from the caches
    REQUIRE(again.router_digest == first.router_digest);
    REQUIRE(again.report_json == first.report_json);
  }
  Site other;
  other.Admit("oslo", "stone");
  other.Admit("bergen", "tide");
  const FusionFigures elsewhere = *other.Fuse("elsewhere", 11).figures;
  REQUIRE(elsewhere.router_digest == first.router_digest);
  REQUIRE(elsewhere.report_json == first.report_json);
}

TEST_CASE("a fusion that was stopped anywhere ends with the same router and report", "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const FusionFigures whole = *site.Fuse("whole", 3).figures;
  for (const FusionState stop : {FusionState::kProbing, FusionState::kTrainingRouter}) {
    std::filesystem::remove_all(site.directory.File("fusions"));
    const std::string name =
        site.Create(stop == FusionState::kProbing ? "stopped-a" : "stopped-b", 3);
    {
      // Stops the worker as soon as the state is saved: what a kill leaves behind.
      std::unique_ptr<FusionWorker> worker = site.Worker();
      absl::Notification reached;
      std::atomic<bool> told = false;
      const int64_t listener = site.watch.Add(name, [&] {
        const absl::StatusOr<FusionRecord> record = site.fusions.Get(name);
        if (record.ok() && record->state >= stop && !told.exchange(true)) reached.Notify();
      });
      REQUIRE_OK(worker->Start(name));
      REQUIRE(reached.WaitForNotificationWithTimeout(absl::Seconds(60)));
      worker->Stop();
      site.watch.Remove(listener);
    }
    const std::unique_ptr<FusionWorker> next = site.Worker();
    REQUIRE_OK(next->Resume());
    const FusionRecord resumed = site.Wait(name);
    REQUIRE(resumed.state == FusionState::kSucceeded);
    REQUIRE(resumed.figures->router_digest == whole.router_digest);
    REQUIRE(resumed.figures->report_json == whole.report_json);
  }
}

TEST_CASE("a fusion whose member left in between fails with a reason", "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const std::string name = site.Create("left", 1);
  REQUIRE_OK(site.database->Transact(
      [&] { return site.cooperatives.Withdraw("nordic", "oslo", absl::Now()); }));
  const std::unique_ptr<FusionWorker> worker = site.Worker();
  REQUIRE_OK(worker->Start(name));
  const FusionRecord record = site.Wait(name);
  REQUIRE(record.state == FusionState::kFailed);
  REQUIRE(record.failure_reason == "SUBMISSION_NOT_ADMITTED");
}

}  // namespace
}  // namespace kalavai::coordinator
