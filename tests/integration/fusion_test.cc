// Goal: admitted specialists become one measured, signed model that answers; the same seed gives
// the same bytes; a killed fusion goes on; who has left is silent at once. Method: real stores,
// blobs and worker on a temporary directory, a tiny model with two specialists trained on made-up
// domains; no network.
#include <algorithm>

#include "absl/strings/match.h"

#include "common/probe/logit_pass.h"
#include "coordinator/router_safetensors.h"
#include "tests/integration/fusion_site.h"

namespace kalavai::coordinator {
namespace {

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

TEST_CASE("a domain without probe text takes part through its member's statistics", "[fusion]") {
  Site site("", /*tide_text=*/false);
  site.Admit("oslo", "stone");
  {
    Site bare("", /*tide_text=*/false);
    bare.Admit("oslo", "stone");
    bare.Admit("bergen", "tide");
    REQUIRE_STATUS(PlanFusion(bare.Sources(), {.cooperative = "nordic", .submissions = {}}),
                   absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_MISSING");
  }
  // Measured at home: any text that the base can read, a thousand chunks of it.
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < kGateStatisticsChunksMin * 32; ++i) {
    tokens.push_back(static_cast<int32_t>((i * i + 3 * i) % 50));
  }
  REQUIRE_OK_AND_ASSIGN(const ClassStatistics measured,
                        MeasureGateStatistics(SharedCheckpoints().directory.File("base"), tokens,
                                              {.label = "tide", .chunk_tokens = 32}));
  const std::string file = site.directory.File(kGateStatisticsFile);
  REQUIRE_OK(WriteGateStatistics(file, measured));
  site.Join("bergen", "tide");
  site.Submit("bergen", "tide", /*checkpoint=*/"tide", /*id=*/"bergen", file);

  const FusionFigures figures = *site.Fuse("first", 7).figures;
  const nlohmann::json report = nlohmann::json::parse(figures.report_json);
  CHECK(report["domains"].size() == 1);  // only stone can be measured here
  CHECK(report["inputs"]["experts"][1]["label"] == "bergen");
  CHECK(report["inputs"]["experts"][1]["statistics_digest"] == Sha256OfFile(file)->Hex());
  CHECK_FALSE(report["inputs"]["experts"][2].contains("statistics_digest"));
  CHECK(site.Fuse("again", 7).figures->router_digest == figures.router_digest);
}

TEST_CASE("Who comes or is decided about while a fusion waits is not in its report", "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const std::string name = site.Create("waiting", 7);
  site.Admit("voss", "tide");
  const std::unique_ptr<FusionWorker> worker = site.Worker();
  REQUIRE_OK(worker->Wake());
  const FusionRecord fusion = site.Wait(name);
  REQUIRE(fusion.state == FusionState::kSucceeded);
  const nlohmann::json report = nlohmann::json::parse(fusion.figures->report_json);
  CHECK(report["inputs"]["left_out"].empty());
  // Anybody who gets the report can check it against the leaf of the fusion's end.
  const int64_t size = site.log.Size().value();
  const nlohmann::json leaf = nlohmann::json::parse(site.log.List(size - 1, 1).value().at(0).leaf);
  CHECK(leaf["action"] == "FINISH_FUSION");
  CHECK(leaf["fields"]["inputs_digest"] == Sha256Of(report["inputs"].dump()).Hex());
  CHECK(leaf["fields"]["report_digest"] == Sha256Of(fusion.figures->report_json).Hex());
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
  ModelLoader loader(site.Serving(engine, mask));
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

TEST_CASE("a mixture of logits has the gate of the other, losses of its own, and is served as one",
          "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const FusionRecord probability = site.Fuse("probability", 7);
  site.TakePasses();
  const FusionRecord logit = site.Fuse("logit", 7, true, {}, Mixture::kLogit);
  CHECK(site.TakePasses() == std::vector<std::string>{"logit-mixture"});
  CHECK_FALSE(std::filesystem::exists(site.directory.File("fusions/models")));
  const auto one = nlohmann::json::parse(probability.figures->report_json);
  const auto two = nlohmann::json::parse(logit.figures->report_json);
  CHECK(one["inputs"]["mixture"] == "probability");
  CHECK(two["inputs"]["mixture"] == "logit");
  CHECK(two["domains"][0]["losses"]["specialists"] == one["domains"][0]["losses"]["specialists"]);
  CHECK(two["router"]["ladder"][0]["held_out_loss"] == one["router"]["ladder"][0]["held_out_loss"]);
  CHECK(two["router"]["ladder"][0]["equal_weight_loss"] !=
        one["router"]["ladder"][0]["equal_weight_loss"]);
  CHECK(logit.figures->fused_loss != probability.figures->fused_loss);
  CHECK(std::abs(logit.figures->fused_loss - probability.figures->fused_loss) < 1);
  CHECK(two["spliced"]["fused"] != one["spliced"]["fused"]);
  const std::unique_ptr<FusionWorker> worker = site.Worker();
  REQUIRE_OK_AND_ASSIGN(RouterParameters router, ReadRouter(worker->RouterPath(logit.name)));
  CHECK(router.mixture == Mixture::kLogit);
  if (two["router"]["rung"] == one["router"]["rung"]) {  // but for the mixture, the same bytes
    router.mixture = Mixture::kProbability;
    REQUIRE_OK(WriteRouter(site.directory.File("same"), router));
    CHECK(Sha256OfFile(site.directory.File("same")).value() == probability.figures->router_digest);
  }

  const std::string model = "cooperatives/nordic/models/logit";
  REQUIRE_OK_AND_ASSIGN(const ReleasedModel released,
                        WriteRelease(logit, site.key,
                                     {.name = model,
                                      .directory = site.directory.File("models/nordic/logit"),
                                      .router_path = worker->RouterPath(logit.name),
                                      .acknowledged_reason = "a test",
                                      .now = absl::Now()}));
  REQUIRE_OK(InstallRelease(released));
  REQUIRE_OK(site.models.Create(RecordOf(released)));
  CHECK(site.models.Get(model).value().mixture == Mixture::kLogit);
  CHECK(nlohmann::json::parse(testing::ReadFile(
            site.directory.File("models/nordic/logit/model.json")))["mixture"] == "logit");
  // The same experts behind either router: what is said differs, and each repeats itself.
  std::vector<std::string> experts = {"base", "tide", "stone"};
  for (std::string& expert : experts) expert = SharedCheckpoints().directory.File(expert);
  GenerationEngine engine(1);
  REQUIRE_OK_AND_ASSIGN(const RouterParameters served,
                        ReadRouter(site.directory.File("models/nordic/logit/router.safetensors")));
  RouterParameters uniform = UniformRouter(3);
  uniform.alpha = 1;  // never sure: where the two mixtures differ most
  for (const Mixture mixture : {Mixture::kProbability, Mixture::kLogit}) {
    uniform.mixture = mixture;
    REQUIRE_OK(engine.Load({.name = std::string(MixtureName(mixture)),
                            .expert_directories = experts,
                            .router = uniform},
                           [](const absl::Status&) {}));
  }
  absl::Notification loaded;
  REQUIRE_OK(engine.Load({.name = model, .expert_directories = experts, .router = served},
                         [&](const absl::Status&) { loaded.Notify(); }));
  loaded.WaitForNotification();
  const auto everybody = [] { return std::vector<uint8_t>{1, 1, 1}; };
  const std::string tide = absl::StrJoin(DomainTexts("tide", 1, 77), " ").substr(0, 60);
  const Answer answer = Ask(engine, model, tide, everybody);
  REQUIRE_OK(answer.result);
  CHECK(answer.result->usage.expert_share[1] > 0.5);
  CHECK(Ask(engine, model, tide, everybody).text == answer.text);
  const Answer mean = Ask(engine, "probability", tide, everybody);
  const Answer product = Ask(engine, "logit", tide, everybody);
  REQUIRE_OK(product.result);
  REQUIRE_NEAR(product.result->usage.expert_share[2], mean.result->usage.expert_share[2], 1e-9);
}

TEST_CASE("a mixture of logits whose models do not fit ends with its reason before they are read",
          "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  FusionWish wish;
  wish.cooperative = "nordic";
  wish.mixture = Mixture::kLogit;
  REQUIRE_OK_AND_ASSIGN(const FusionPlan plan, PlanFusion(site.Sources(), wish));
  REQUIRE_OK_AND_ASSIGN(const ModelConfig config,
                        ModelConfig::FromJson(testing::ReadFile(
                            SharedCheckpoints().directory.File("base") + "/config.json")));
  const int64_t needed = LogitPassBytes(config, 3, 32);
  // Taken away by somebody between the wish and its turn.
  site.free_memory = needed - 1;
  const std::string name = site.Create("logit", 7, false, {}, Mixture::kLogit);
  std::unique_ptr<FusionWorker> worker = site.Worker();
  REQUIRE_STATUS(worker->CheckFits(plan), absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY");
  REQUIRE_OK(worker->Wake());
  const FusionRecord failed = site.Wait(name);
  CHECK(failed.state == FusionState::kFailed);
  CHECK(failed.failure_reason == "OUT_OF_MEMORY");
  CHECK(absl::StrContains(failed.failure_message, "MiB are free"));
  worker.reset();
  const std::vector<std::string> passes = site.TakePasses();
  CHECK(std::count(passes.begin(), passes.end(), "logit-mixture") == 0);
  CHECK_FALSE(std::filesystem::exists(site.directory.File("fusions/models")));
  // The other mixture holds one model at a time; and what was computed is kept.
  CHECK(site.Fuse("probability", 7, false).state == FusionState::kSucceeded);
  CHECK(site.TakePasses().empty());
  site.free_memory = needed;
  REQUIRE_OK(site.Worker()->CheckFits(plan));
  CHECK(site.Fuse("again", 7, false, {}, Mixture::kLogit).state == FusionState::kSucceeded);
  CHECK(site.TakePasses() == std::vector<std::string>{"logit-mixture"});
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
      REQUIRE_OK(worker->Wake());
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

TEST_CASE("a judging of logits that was stopped goes on, to the same router and report",
          "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const FusionFigures whole = *site.Fuse("whole", 3, true, {}, Mixture::kLogit).figures;
  const std::string name = site.Create("stopped", 3, true, {}, Mixture::kLogit);
  const std::string journal = site.directory.File("fusions/fusions/nordic/stopped/logit.partial");
  const auto judged = [&]() -> int64_t {
    const absl::StatusOr<FusionRecord> record = site.fusions.Get(name);
    const bool judging = record.ok() && record->state == FusionState::kEvaluating;
    return judging ? record->progress.done : 0;
  };
  int64_t reached_text = 0;
  {
    std::unique_ptr<FusionWorker> worker = site.Worker();
    absl::Notification reached;
    std::atomic<bool> told = false;
    const int64_t listener = site.watch.Add(name, [&] {
      if (judged() >= 3 && !told.exchange(true)) reached.Notify();
    });
    REQUIRE_OK(worker->Wake());
    REQUIRE(reached.WaitForNotificationWithTimeout(absl::Seconds(60)));
    worker->Stop();
    site.watch.Remove(listener);
    reached_text = judged();
  }
  REQUIRE(reached_text >= 3);
  REQUIRE(std::filesystem::exists(journal));
  std::atomic<int64_t> first_text = 0;
  const int64_t listener = site.watch.Add(name, [&] {
    if (judged() > 0 && first_text == 0) first_text = judged();
  });
  const std::unique_ptr<FusionWorker> next = site.Worker();
  REQUIRE_OK(next->Resume());
  const FusionRecord resumed = site.Wait(name);
  site.watch.Remove(listener);
  REQUIRE(resumed.state == FusionState::kSucceeded);
  CHECK(first_text > reached_text);
  CHECK(resumed.figures->router_digest == whole.router_digest);
  CHECK(resumed.figures->report_json == whole.report_json);
  CHECK_FALSE(std::filesystem::exists(journal));
}

TEST_CASE("a fusion whose member left in between fails with a reason", "[fusion]") {
  Site site;
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  const std::string name = site.Create("left", 1);
  REQUIRE_OK(site.database->Transact(
      [&] { return site.cooperatives.Withdraw("nordic", "oslo", absl::Now()); }));
  const std::unique_ptr<FusionWorker> worker = site.Worker();
  REQUIRE_OK(worker->Wake());
  const FusionRecord record = site.Wait(name);
  REQUIRE(record.state == FusionState::kFailed);
  REQUIRE(record.failure_reason == "SUBMISSION_NOT_ADMITTED");
}

TEST_CASE("more fusions than the queue holds end all the same", "[fusion]") {
  Site site;
  constexpr int kFusions = static_cast<int>(limits::kFusionTasksMax) + 10;
  for (int k = 0; k < kFusions; ++k) {  // of cooperatives that are not there: each fails at once
    FusionRecord record;
    record.cooperative = absl::StrCat("cooperatives/c", k);
    record.name = absl::StrCat(record.cooperative, "/fusions/fusion-1");
    record.steps = 1;
    record.threads = 1;
    record.input_json = "{}";
    record.create_time = absl::Now();
    REQUIRE_OK(site.fusions.Create(record));
  }
  const std::unique_ptr<FusionWorker> worker = site.Worker();
  REQUIRE_OK(worker->Resume());
  for (int k = 0; k < kFusions; ++k) REQUIRE_OK(worker->Wake());
  for (int k = kFusions; k-- > 0;) {
    const FusionRecord ended = site.Wait(absl::StrCat("cooperatives/c", k, "/fusions/fusion-1"));
    CHECK(ended.failure_reason == "COOPERATIVE_NOT_FOUND");
  }
}

TEST_CASE("a report that flatters does not get its specialist fused", "[fusion]") {
  const TempDir place;
  const std::string forged = "cooperatives/nordic/submissions/forger";
  std::string name;
  {
    Site site(place.path());
    site.Admit("bergen", "tide");
    site.Admit("oslo", "stone");
    site.Join("forger", "tide");
    site.Submit("forger", "tide", /*checkpoint=*/"stone", /*id=*/"forger");  // knows no tide
    name = site.Create("first", 7);
  }  // killed before it ran
  Site site(place.path());
  std::unique_ptr<FusionWorker> worker = site.Worker();
  REQUIRE_OK(worker->Resume());
  const FusionRecord fusion = site.Wait(name);
  worker.reset();  // Fuse has its own
  INFO(fusion.failure_reason << " " << fusion.failure_message);
  REQUIRE(fusion.state == FusionState::kSucceeded);
  REQUIRE(fusion.experts.size() == 3);  // base, bergen, oslo
  const nlohmann::json report = nlohmann::json::parse(fusion.figures->report_json);
  REQUIRE(report["inputs"]["experts"].size() == 3);
  REQUIRE(report["inputs"]["left_out"].size() == 1);
  CHECK(report["inputs"]["left_out"][0]["submission"] == forged);
  CHECK(report["inputs"]["left_out"][0]["reason"] == "PROBE_DIVERGENCE_NEGATIVE");
  CHECK(report["realised"]["stated_divergence_percent"].size() == 2);
  CHECK(fusion.figures->report_markdown.find("PROBE_DIVERGENCE_NEGATIVE: divergence on") !=
        std::string::npos);
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord record, site.submissions.Get(forged));
  CHECK(record.state == SubmissionState::kQuarantined);
  CHECK_FALSE(record.receipt_envelope.empty());

  // The same as when it was never there, but for the list of who was left out.
  CHECK(site.Fuse("again", 7).figures->router_digest == fusion.figures->router_digest);
  REQUIRE_OK(site.submissions.DecideQuarantined(forged, true, "we know it", "{}", absl::Now()));
  const FusionRecord all = site.Fuse("admitted", 7);
  CHECK(all.experts.size() == 4);  // the decision stands
  CHECK(site.submissions.Get(forged).value().state == SubmissionState::kAdmitted);
}

}  // namespace
}  // namespace kalavai::coordinator
