// Goal: a member leaves and nothing of it is left: silent at once, bytes and arrays deleted, the
// others' model fused again without running any model, bit for bit the model that was built without
// the member. Killed between any two steps, it is finished later. Method: real stores, blobs,
// worker, publisher and engine on a temporary directory, three tiny specialists; no network.
#include <filesystem>
#include <set>

#include "common/corpus/document_list.h"
#include "common/crypto/dsse.h"
#include "coordinator/fusion/member_traces.h"
#include "tests/integration/withdrawal_site.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr char kVoss[] = "cooperatives/nordic/contributors/voss";
constexpr char kVossModel[] = "cooperatives/nordic/submissions/voss";

std::set<std::string> FilesUnder(const std::string& directory) {
  std::set<std::string> files;
  if (!fs::exists(directory)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.insert(entry.path().filename().string());
  }
  return files;
}

// The charter names ebb, too, and has no probe text for it.
void AddEbbDomain(Site& site) {
  REQUIRE_OK(
      site.database->Execute("INSERT INTO cooperative_domains (cooperative, position, domain) "
                             "VALUES ('nordic', 2, 'ebb')"));
}

// A sample of the member as probe text of ebb.
Digest Share(Site& site, const std::string& member) {
  const std::string text = Jsonl(testing::DomainTexts("tide", 40, member == "voss" ? 9 : 10));
  const Digest digest = site.blobs->PutBytes(text).value();
  REQUIRE_OK(site.cooperatives.InsertSample({.cooperative = "nordic",
                                             .domain = "ebb",
                                             .format = "jsonl",
                                             .digest = digest,
                                             .size_bytes = static_cast<int64_t>(text.size()),
                                             .router_documents = 20,
                                             .evaluation_documents = 20,
                                             .contributor = member},
                                            absl::Now()));
  return digest;
}

// Fused and released with all three, seed 7.
FusionRecord Serve(Coordinator& coordinator) {
  const FusionRecord fusion = coordinator.site.Fuse("all", 7);
  REQUIRE_OK(coordinator.publisher.Publish(
      {.fusion = fusion.name, .acknowledged_reason = "tiny models", .actor = "administrator"}));
  return fusion;
}

TEST_CASE("A re-solve is bit for bit the build without the member, and runs no model",
          "[withdrawal]") {
  Site site;
  AdmitThree(site);
  Coordinator coordinator(site);
  Serve(coordinator);
  site.TakePasses();
  coordinator.Withdraw("voss");
  coordinator.Finish("voss");
  const WithdrawalRecord row = coordinator.Row("voss");
  REQUIRE(row.state == WithdrawalState::kDone);
  CHECK(row.outcome.empty());
  CHECK(row.masked_model == "cooperatives/nordic/models/all");
  CHECK(site.TakePasses().empty());
  const FusionRecord resolved = site.fusions.Get(row.fusion).value();
  REQUIRE(resolved.figures.has_value());
  CHECK(site.models.GetNewest(kCooperative).value().name == row.model);
  CHECK(site.models.Get("cooperatives/nordic/models/all").value().state == ModelState::kRetired);

  // A site where voss never was.
  Site without;
  AdmitTwo(without);
  const FusionRecord built = without.Fuse("never", 7, /*weight_average=*/false);
  CHECK(resolved.figures->router_digest == built.figures->router_digest);
  CHECK(resolved.figures->report_json == built.figures->report_json);
  const std::unique_ptr<FusionWorker> other = without.Worker();
  CHECK(testing::ReadFile(coordinator.worker->RouterPath(resolved.name)) ==
        testing::ReadFile(other->RouterPath(built.name)));
  REQUIRE_OK_AND_ASSIGN(const std::string one, ModelJson(resolved, "tiny models"));
  REQUIRE_OK_AND_ASSIGN(const std::string two, ModelJson(built, "tiny models"));
  CHECK(one == two);
  // With the average's own pass, every other figure is the same.
  const FusionRecord usual = without.Fuse("usual", 7);
  CHECK(usual.figures->router_digest == resolved.figures->router_digest);
  CHECK(usual.figures->fused_loss == resolved.figures->fused_loss);
  CHECK(usual.figures->gain_percent == resolved.figures->gain_percent);
}

TEST_CASE("A mixture of logits stays one: re-solved, judged by the members that are left",
          "[withdrawal]") {
  Site site;
  AdmitThree(site);
  Coordinator coordinator(site);
  const FusionRecord fusion = site.Fuse("all", 7, true, {}, Mixture::kLogit);
  REQUIRE_OK(coordinator.publisher.Publish(
      {.fusion = fusion.name, .acknowledged_reason = "tiny models", .actor = "administrator"}));
  site.TakePasses();
  coordinator.Withdraw("voss");
  REQUIRE_OK(coordinator.withdrawals.Erase());
  coordinator.withdrawals.Advance();
  // While the others are judged, the masked model answers.
  const ExpertMask mask(site.cooperatives, site.submissions);
  REQUIRE_OK_AND_ASSIGN(const ModelRecord masked, site.models.GetNewest(kCooperative));
  CHECK(masked.name == "cooperatives/nordic/models/all");
  CHECK(mask.Allowed(masked.experts) == std::vector<uint8_t>{1, 1, 1, 0});
  coordinator.Finish("voss");
  const WithdrawalRecord row = coordinator.Row("voss");
  REQUIRE(row.state == WithdrawalState::kDone);
  CHECK(row.outcome.empty());
  // No pass for the arrays, one to judge: distributions are kept nowhere.
  CHECK(site.TakePasses() == std::vector<std::string>{"logit-mixture"});
  CHECK(site.models.Get(row.model).value().mixture == Mixture::kLogit);
  const FusionRecord resolved = site.fusions.Get(row.fusion).value();
  Site without;
  AdmitTwo(without);
  const FusionRecord built = without.Fuse("never", 7, false, {}, Mixture::kLogit);
  CHECK(resolved.figures->router_digest == built.figures->router_digest);
  CHECK(resolved.figures->report_json == built.figures->report_json);
}

TEST_CASE("Nothing of a member that left stays on the disk", "[withdrawal]") {
  Site site;
  AdmitThree(site);
  Coordinator coordinator(site);
  const FusionRecord fusion = Serve(coordinator);
  const SubmissionRecord voss = site.submissions.Get(kVossModel).value();
  REQUIRE_OK_AND_ASSIGN(const auto before, TracesOfWithdrawn(site.fusions));
  CHECK(before.empty());
  coordinator.Withdraw("voss");
  REQUIRE_OK_AND_ASSIGN(const std::vector<std::string> traces, TracesOfWithdrawn(site.fusions));
  REQUIRE(traces.size() == 2);  // its own arrays and those of the average with it
  coordinator.Finish("voss");
  for (const SubmissionFile& file : voss.files) {
    INFO(file.path);
    // The tokenizer is the base's.
    CHECK(site.blobs->Contains(file.digest) == (file.path != "model.safetensors"));
  }
  const std::set<std::string> caches = FilesUnder(site.directory.File("fusions/caches"));
  CHECK(caches.size() == 6);  // base, bergen, oslo: arrays and locks
  for (const std::string& name : caches) {
    for (const std::string& trace : traces) CHECK(name.substr(0, 16) != trace.substr(0, 16));
  }
  REQUIRE_OK(coordinator.EraseDerived());  // as after the switch: the old router is nobody's now
  CHECK_FALSE(fs::exists(coordinator.worker->RouterPath(fusion.name)));
  CHECK_FALSE(fs::exists(site.directory.File("fusions/models")));
  CHECK_FALSE(fs::exists(site.directory.File("fusions/passes")));
  // What stays: names, digests, losses in the old report.
  CHECK(site.submissions.Get(kVossModel).value().state == SubmissionState::kWithdrawn);
  CHECK_FALSE(site.submissions.Get(kVossModel).value().divergence_percent.has_value());
  CHECK(site.fusions.Get(fusion.name).value().figures.has_value());

  // The receipt is signed and tells what is true.
  const WithdrawalRecord row = coordinator.Row("voss");
  REQUIRE_OK_AND_ASSIGN(
      const std::string payload,
      VerifyEnvelope(row.receipt_envelope, site.key.public_key(), kWithdrawalType));
  const nlohmann::json receipt = nlohmann::json::parse(payload);
  CHECK(receipt["contributor"] == kVoss);
  CHECK(receipt["deleted"].size() == static_cast<size_t>(row.files_deleted));
  for (const nlohmann::json& digest : receipt["deleted"]) {
    CHECK_FALSE(site.blobs->Contains(Digest::FromHex(digest.get<std::string>()).value()));
  }
  // Never released again.
  REQUIRE_STATUS(coordinator.publisher.Publish({.fusion = fusion.name,
                                                .model_id = "again",
                                                .acknowledged_reason = "why not",
                                                .actor = "administrator"}),
                 absl::StatusCode::kFailedPrecondition, "MODEL_HAS_WITHDRAWN_MEMBER");
  CHECK(site.models.HasWithdrawn("cooperatives/nordic/models/all").value());
  REQUIRE_STATUS(site.models.GetEarlier(kCooperative), absl::StatusCode::kFailedPrecondition,
                 "NO_EARLIER_MODEL");
}

// A third domain without probe text in the charter, and voss, who has it.
void AdmitEbb(Site& site) {
  AdmitTwo(site);
  AddEbbDomain(site);
  site.Join("voss", "ebb");
  site.Submit("voss", "ebb", "ebb", "voss");
}

TEST_CASE("A sample goes with its member, and the re-solve is the build without both",
          "[withdrawal]") {
  Site site;
  AdmitEbb(site);
  REQUIRE_STATUS(PlanFusion(site.Sources(), {.cooperative = "nordic", .submissions = {}}),
                 absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_MISSING");
  const Digest sample = Share(site, "voss");
  Coordinator coordinator(site);
  const FusionRecord fusion = Serve(coordinator);
  CHECK(fusion.samples == std::vector<std::string>{"voss"});
  const std::set<std::string> before = FilesUnder(site.directory.File("fusions/caches"));
  site.TakePasses();
  coordinator.Withdraw("voss");
  REQUIRE_OK(coordinator.withdrawals.Erase());
  CHECK_FALSE(site.blobs->Contains(sample));
  // No array of any model on that text is left.
  CHECK(FilesUnder(site.directory.File("fusions/caches")).empty());
  coordinator.Finish("voss");
  for (const std::string& name : FilesUnder(site.directory.File("fusions/caches"))) {
    INFO(name);
    CHECK_FALSE(before.contains(name));
  }
  CHECK(site.TakePasses().size() == 3);  // the text changed: base, bergen and oslo read it again
  const WithdrawalRecord row = coordinator.Row("voss");
  REQUIRE(row.state == WithdrawalState::kDone);
  CHECK(row.outcome.empty());
  const nlohmann::json receipt = nlohmann::json::parse(
      VerifyEnvelope(row.receipt_envelope, site.key.public_key(), kWithdrawalType).value());
  const auto& deleted = receipt["deleted"];
  CHECK(std::find(deleted.begin(), deleted.end(), sample.Hex()) != deleted.end());
  CHECK(std::is_sorted(deleted.begin(), deleted.end()));

  Site without;  // the same charter; voss never was
  AdmitTwo(without);
  AddEbbDomain(without);
  const FusionRecord built = without.Fuse("never", 7, /*weight_average=*/false);
  const FusionRecord resolved = site.fusions.Get(row.fusion).value();
  CHECK(resolved.figures->router_digest == built.figures->router_digest);
  CHECK(resolved.figures->report_json == built.figures->report_json);
}

TEST_CASE("A model that only read the sample of a member that left is fused again, too",
          "[withdrawal]") {
  Site site;
  AdmitTwo(site);
  AddEbbDomain(site);
  site.Join("voss", "ebb");  // shares, and never submits
  Share(site, "voss");
  Coordinator coordinator(site);
  const FusionRecord fusion = Serve(coordinator);
  CHECK_FALSE(site.fusions.HasWithdrawn(fusion.name).value());
  coordinator.Withdraw("voss");
  CHECK(site.fusions.HasWithdrawn(fusion.name).value());
  CHECK(site.models.HasWithdrawn("cooperatives/nordic/models/all").value());
  coordinator.Finish("voss");
  const WithdrawalRecord row = coordinator.Row("voss");
  CHECK(row.state == WithdrawalState::kDone);
  CHECK(row.outcome.empty());
  CHECK(site.fusions.Get(row.fusion).value().samples.empty());
  REQUIRE_STATUS(coordinator.publisher.Publish({.fusion = fusion.name,
                                                .model_id = "again",
                                                .acknowledged_reason = "why not",
                                                .actor = "administrator"}),
                 absl::StatusCode::kFailedPrecondition, "MODEL_HAS_WITHDRAWN_MEMBER");
}

TEST_CASE("Without the sample, others of its domain wait for another one", "[withdrawal]") {
  Site site;
  AdmitEbb(site);
  Share(site, "voss");
  site.Join("runa", "ebb");
  site.Submit("runa", "ebb", "tide", "runa");
  Coordinator coordinator(site);
  Serve(coordinator);
  coordinator.Withdraw("voss");
  coordinator.Finish("voss");
  CHECK(coordinator.Row("voss").state == WithdrawalState::kDone);
  CHECK(coordinator.Row("voss").outcome == "PROBE_TEXT_MISSING");
  CHECK(coordinator.reloaded == std::vector<std::string>{"cooperatives/nordic/models/all"});
  Share(site, "runa");
  CHECK(site.Fuse("next", 7).samples == std::vector<std::string>{"runa"});
}

TEST_CASE("A withdrawal killed between any two steps is finished by the next start",
          "[withdrawal]") {
  // The steps in order; a kill is a coordinator built anew on what is on the disk.
  for (int steps = 0; steps <= 3; ++steps) {
    Site site;
    AdmitThree(site);
    {
      Coordinator first(site);
      Serve(first);
      first.Withdraw("voss");
      // Deleted, but not yet said so; said so; re-solve created and perhaps begun.
      if (steps == 1) REQUIRE_OK(first.EraseDerived());
      if (steps >= 2) REQUIRE_OK(first.withdrawals.Erase());
      if (steps >= 3) first.withdrawals.Advance();
      first.worker->Stop();
    }
    INFO("killed after step " << steps);
    CHECK(site.TakePasses().size() == 5);  // base, three specialists, their average: before
    Coordinator next(site);
    REQUIRE_OK(next.worker->Resume());
    next.Finish("voss");
    const WithdrawalRecord row = next.Row("voss");
    REQUIRE(row.state == WithdrawalState::kDone);
    CHECK(row.outcome.empty());
    CHECK_FALSE(row.receipt_envelope.empty());
    CHECK(site.TakePasses().empty());
    CHECK(site.models.GetNewest(kCooperative).value().name == row.model);
    // Again: nothing changes.
    const int64_t leaves = site.log.Size().value();
    next.Finish("voss");
    CHECK(site.log.Size().value() == leaves);
    CHECK(next.Row("voss").receipt_envelope == row.receipt_envelope);
  }
}

TEST_CASE("With one specialist left, or a guard that is not met, the masked model goes on",
          "[withdrawal]") {
  Site site;
  AdmitThree(site);
  Coordinator coordinator(site);
  Serve(coordinator);
  SECTION("two leave, one after the other") {
    coordinator.Withdraw("voss");
    coordinator.Withdraw("oslo");
    coordinator.Finish("oslo");
    for (const char* const member : {"voss", "oslo"}) {
      CHECK(coordinator.Row(member).state == WithdrawalState::kDone);
      CHECK(coordinator.Row(member).outcome == "NOT_ENOUGH_SPECIALISTS");
    }
    CHECK(coordinator.reloaded.size() == 2);
  }
  SECTION("the second leaves while the re-solve runs") {
    coordinator.Withdraw("voss");
    REQUIRE_OK(coordinator.withdrawals.Erase());
    coordinator.withdrawals.Advance();
    const std::string fusion = coordinator.Row("voss").fusion;
    REQUIRE_FALSE(fusion.empty());
    coordinator.Withdraw("oslo");
    const FusionRecord ended = site.Wait(fusion);
    REQUIRE_OK(coordinator.withdrawals.Erase());
    coordinator.withdrawals.Advance();
    // It may have been done in time; then nobody may be served with it all the same.
    if (ended.state == FusionState::kFailed) {
      CHECK(ended.failure_reason == "SUBMISSION_NOT_ADMITTED");
    }
    CHECK(coordinator.Row("voss").outcome == "NOT_ENOUGH_SPECIALISTS");
    CHECK(coordinator.Row("oslo").outcome == "NOT_ENOUGH_SPECIALISTS");
  }
  CHECK(site.models.GetNewest(kCooperative).value().name == "cooperatives/nordic/models/all");
  const ExpertMask mask(site.cooperatives, site.submissions);
  CHECK(mask.Allowed(site.models.GetNewest(kCooperative).value().experts) ==
        std::vector<uint8_t>{1, 1, 0, 0});
}

TEST_CASE("Before any release, or with a model that never had the member, nothing is fused",
          "[withdrawal]") {
  Site site;
  AdmitThree(site);
  Coordinator coordinator(site);
  SECTION("nothing served") {}
  SECTION("served without it") {
    const FusionRecord fusion = site.Fuse(
        "two", 7, false,
        {"cooperatives/nordic/submissions/bergen", "cooperatives/nordic/submissions/oslo"});
    REQUIRE_OK(coordinator.publisher.Publish(
        {.fusion = fusion.name, .acknowledged_reason = "tiny models", .actor = "administrator"}));
  }
  coordinator.Withdraw("voss");
  coordinator.Finish("voss");
  CHECK(coordinator.Row("voss").state == WithdrawalState::kDone);
  CHECK(coordinator.Row("voss").fusion.empty());
  CHECK_FALSE(coordinator.Row("voss").receipt_envelope.empty());
}

TEST_CASE("A specialist admitted later costs one pass; a better version takes its place",
          "[withdrawal]") {
  Site site;
  AdmitTwo(site);
  site.Fuse("two", 7, /*weight_average=*/false);
  CHECK(site.TakePasses().size() == 3);  // base, bergen, oslo
  site.Join("voss", "tide");
  site.Submit("voss", "tide", "ebb", "voss");
  const Digest first = site.submissions.Get(kVossModel).value().root_digest.value();
  site.Fuse("three", 7, /*weight_average=*/false);
  CHECK(site.TakePasses() == std::vector<std::string>{first.Hex()});

  // The same checkpoint trained on is another model: here, tide's own.
  site.Submit("voss", "tide", "tide", "voss-2");
  CHECK(site.submissions.Get(kVossModel).value().state == SubmissionState::kSuperseded);
  const FusionRecord newer = site.Fuse("newer", 7, /*weight_average=*/false);
  REQUIRE(newer.experts.size() == 4);
  CHECK(newer.experts[3].submission == "cooperatives/nordic/submissions/voss-2");
  REQUIRE_STATUS(
      PlanFusion(site.Sources(),
                 {.cooperative = "nordic",
                  .submissions = {"cooperatives/nordic/submissions/bergen", kVossModel}}),
      absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED");
  // On record, bytes and all: a model that was released with it can be served on.
  const ExpertMask mask(site.cooperatives, site.submissions);
  ModelExpertRecord expert;
  expert.submission = kVossModel;
  expert.contributor = kVoss;
  CHECK(mask.Allowed({expert}) == std::vector<uint8_t>{1});
  REQUIRE_OK_AND_ASSIGN(const SubmissionRecord superseded, site.submissions.Get(kVossModel));
  for (const SubmissionFile& file : superseded.files) {
    CHECK(site.blobs->Contains(file.digest));
  }
}

TEST_CASE("Probe text that a member trained on is refused before any compute", "[fusion]") {
  Site site;
  AdmitTwo(site);
  Coordinator coordinator(site);
  const auto plan = [&] {
    return coordinator.starter.Start({.wish = {.cooperative = "nordic", .submissions = {}},
                                      .validate_only = true,
                                      .actor = "administrator"});
  };
  // Of texts of its own, and what the stone probe text holds (seed 102).
  const auto report = [&](const std::vector<std::string>& texts) {
    std::vector<Document> documents;
    for (const std::string& text : texts) documents.push_back(MakeDocument(text));
    const std::string list = FormatDocumentList(documents);
    const Digest digest = site.blobs->PutBytes(list).value();
    REQUIRE_OK(site.database->Execute(
        "INSERT OR REPLACE INTO submission_files(submission, path, size_bytes, digest, held) "
        "VALUES ('cooperatives/nordic/submissions/oslo', 'training_documents.txt', ?1, ?2, 1)",
        static_cast<int64_t>(list.size()), digest));
  };
  report(DomainTexts("stone", 40, 2));
  REQUIRE_OK(plan());
  std::vector<std::string> leaked = DomainTexts("stone", 40, 2);
  leaked.push_back(DomainTexts("stone", 40, 102)[7]);
  report(leaked);
  const auto refused = plan();
  REQUIRE_STATUS(refused, absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_IS_TRAINING_TEXT");
  const std::string words(refused.status().message());
  CHECK(words.find("probe text of stone: 1 of its 40 documents") != std::string::npos);
  CHECK(words.find("submissions/oslo") != std::string::npos);
  CHECK(site.TakePasses().empty());
}

TEST_CASE("A thousand prompts are answered as by the model that never had the member",
          "[withdrawal]") {
  Site site;
  AdmitThree(site);
  Coordinator coordinator(site);
  Serve(coordinator);
  coordinator.Withdraw("voss");
  coordinator.Finish("voss");
  const std::string resolved = coordinator.Row("voss").model;
  REQUIRE_FALSE(resolved.empty());
  Site without;
  AdmitTwo(without);
  Coordinator other(without);
  const FusionRecord built = without.Fuse("never", 7, /*weight_average=*/false);
  REQUIRE_OK(other.publisher.Publish(
      {.fusion = built.name, .acknowledged_reason = "tiny models", .actor = "administrator"}));

  const auto answers = [](Site& of, const std::string& model) {
    GenerationEngine engine(1);
    const ExpertMask mask(of.cooperatives, of.submissions);
    ModelLoader loader(of.Serving(engine, mask));
    loader.Activate(model);
    absl::Notification loaded;
    REQUIRE_OK(engine.Load({.name = "nothing", .expert_directories = {}, .router = {}},
                           [&](const absl::Status&) { loaded.Notify(); }));
    loaded.WaitForNotification();
    const std::vector<ModelExpertRecord> experts = of.models.Get(model).value().experts;
    std::vector<Answer> said;
    for (int i = 0; i < 1000; ++i) {
      const std::string domain = i % 2 == 0 ? "tide" : "stone";
      const std::string prompt = DomainTexts(domain, 1, 1000 + static_cast<uint64_t>(i))[0];
      said.push_back(Ask(engine, model, prompt.substr(0, 12 + static_cast<size_t>(i % 9)),
                         [&] { return mask.Allowed(experts); }));
    }
    return said;
  };
  const std::vector<Answer> one = answers(site, resolved);
  const std::vector<Answer> two = answers(without, "cooperatives/nordic/models/never");
  REQUIRE(one.size() == two.size());
  for (size_t i = 0; i < one.size(); ++i) {
    INFO("prompt " << i);
    REQUIRE_OK(one[i].result);
    REQUIRE_OK(two[i].result);
    REQUIRE(one[i].text == two[i].text);
    REQUIRE(one[i].result->usage.expert_share == two[i].result->usage.expert_share);
  }
}

TEST_CASE("A release that is refused or fails leaves no router beside the models", "[withdrawal]") {
  Site site;
  AdmitTwo(site);
  Coordinator coordinator(site);
  const FusionRecord fusion = Serve(coordinator);
  const std::string models = site.directory.File("models/nordic");
  const auto names = [&] {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(models)) {
      found.insert(entry.path().filename().string());
    }
    return found;
  };
  const std::set<std::string> released = {"all"};
  REQUIRE(names() == released);
  const std::string router = testing::ReadFile(models + "/all/router.safetensors");
  PublishRequest again = {
      .fusion = fusion.name, .acknowledged_reason = "tiny models", .actor = "administrator"};
  REQUIRE_STATUS(coordinator.publisher.Publish(again), absl::StatusCode::kAlreadyExists,
                 "MODEL_EXISTS");
  CHECK(names() == released);
  CHECK(testing::ReadFile(models + "/all/router.safetensors") == router);
  again.model_id = "other";
  again.within = [](const std::string&) { return absl::UnavailableError("the last step fails"); };
  CHECK_FALSE(coordinator.publisher.Publish(again).ok());
  CHECK(names() == released);
  CHECK_FALSE(site.models.Exists("cooperatives/nordic/models/other").value());
  // Killed between the rename and the commit, and before the rename: nothing says so but the disk.
  fs::copy(models + "/all", models + "/other", fs::copy_options::recursive);
  fs::copy(models + "/all", models + "/third.partial", fs::copy_options::recursive);
  REQUIRE_OK(coordinator.EraseDerived());
  CHECK(names() == released);
}

TEST_CASE("The links by which a model is being loaded go with the member", "[withdrawal]") {
  Site site;
  AdmitThree(site);
  Coordinator coordinator(site);
  Serve(coordinator);
  GenerationEngine engine(1);
  const ExpertMask mask(site.cooperatives, site.submissions);
  ModelLoader loader(site.Serving(engine, mask));
  // As when it is killed, or read slowly, between the links and the end of loading.
  const ModelRecord model = site.models.Get("cooperatives/nordic/models/all").value();
  for (size_t i = 0; i < model.experts.size(); ++i) {
    const std::string links = absl::StrCat(site.directory.File("serving/nordic-all-"), i);
    fs::create_directories(links);
    testing::WriteFile(links + "/model.safetensors", "weights");
  }
  REQUIRE_OK(loader.RemoveMaskedLinks(site.models.ListServed().value()));
  CHECK(fs::exists(site.directory.File("serving/nordic-all-3")));
  coordinator.Withdraw("voss");
  REQUIRE_OK(loader.RemoveMaskedLinks(site.models.ListServed().value()));
  REQUIRE(model.experts[3].contributor == kVoss);
  CHECK_FALSE(fs::exists(site.directory.File("serving/nordic-all-3")));
  CHECK(fs::exists(site.directory.File("serving/nordic-all-1/model.safetensors")));
}

}  // namespace
}  // namespace kalavai::coordinator
