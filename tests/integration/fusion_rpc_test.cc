// Goal: from a charter to an answer over real RPC: a launched cooperative, two submitted
// specialists, a forecast, a fusion with a reference model, a guarded release, streamed answers,
// the other mixture and back; and whoever may not is refused, at once after withdrawal. Method: a
// coordinator with TLS in this process, members who type their commands, tiny models trained on two
// made-up domains.
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "common/base/limits.h"
#include "common/cli/program.h"
#include "common/prediction/loss_matrix_message.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "contributor/checkpoint/fetch_command.h"
#include "contributor/coordinator_connection.h"
#include "contributor/join/join_command.h"
#include "contributor/receipt.h"
#include "contributor/submission/submit_command.h"
#include "contributor/workspace.h"
#include "kalavai/v1/fusion.grpc.pb.h"
#include "kalavai/v1/inference.grpc.pb.h"
#include "kalavai/v1/prediction.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using contributor::Workspace;
using testing::DomainTexts;
using Admin = v1::CooperativeAdmin::Stub;
using Fusion = v1::FusionService::Stub;
using Inference = v1::InferenceService::Stub;
using Prediction = v1::PredictionService::Stub;

constexpr char kParent[] = "cooperatives/nordic";
constexpr char kModel[] = "cooperatives/nordic/models/first";

int Type(const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"kalavai", "--format", "json"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return RunProgram({.name = "kalavai", .summary = "", .details = "", .groups = {}},
                    {contributor::MakeJoinCommand(), contributor::MakeFetchCommand(),
                     contributor::MakeSubmitCommand()},
                    static_cast<int>(argv.size()), argv.data());
}

std::string Jsonl(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) {
    absl::StrAppend(&lines, nlohmann::json({{"text", text}}).dump(), "\n");
  }
  return lines;
}

struct Ground {
  testing::TempDir temp;
  testing::InProcessCoordinator coordinator;
  std::string address = coordinator.address();
  std::shared_ptr<grpc::Channel> admin = coordinator.AdministratorChannel();

  Ground() {
    std::vector<std::string> pooled = DomainTexts("tide", 40, 1);
    const std::vector<std::string> stone = DomainTexts("stone", 40, 2);
    pooled.insert(pooled.end(), stone.begin(), stone.end());
    testing::WriteTinyBase(temp.File("fresh"), pooled, 5);
    testing::WriteTinySpecialist(temp.File("fresh"), temp.File("base"), pooled, 20);
    testing::WriteTinySpecialist(temp.File("base"), temp.File("tide"), DomainTexts("tide", 40, 1),
                                 30);
    testing::WriteTinySpecialist(temp.File("base"), temp.File("stone"), stone, 30);
    testing::WriteTinySpecialist(temp.File("base"), temp.File("pooled"), pooled, 60);
    Launch();
  }

  void Launch() {
    coordinator.FoundCooperative("nordic", {"tide", "stone"}, 0, 32);
    const auto stub = v1::CooperativeAdmin::NewStub(admin);
    v1::ImportCheckpointRequest import;
    import.set_parent(kParent);
    import.set_source_directory(temp.File("base"));
    REQUIRE_OK(CallUnary(address, *stub, &Admin::ImportCheckpoint, import));
    for (const char* const domain : {"tide", "stone"}) {
      REQUIRE_OK(
          coordinator.AddProbeText("nordic", domain, Jsonl(DomainTexts(domain, 40, 101)), "jsonl"));
    }
    v1::LaunchCooperativeRequest launch;
    launch.set_name(kParent);
    REQUIRE_OK(CallUnary(address, *stub, &Admin::LaunchCooperative, launch));
  }

  // Joins, fetches, has trained, submits.
  Workspace Submit(const std::string& id, const std::string& domain) {
    const Workspace workspace(temp.File(id));
    const std::vector<std::string> at = {"--workspace", workspace.root()};
    REQUIRE(Type({"join", coordinator.Invite("nordic", id, domain), at[0], at[1]}) == 0);
    REQUIRE(Type({"fetch", at[0], at[1]}) == 0);
    fs::create_directories(workspace.SpecialistDirectory());
    for (const char* const file : {"config.json", "model.safetensors"}) {
      fs::copy_file(temp.File(domain) + "/" + file, workspace.SpecialistDirectory() + "/" + file);
    }
    REQUIRE_OK(workspace.SaveTrainingReport(
        {.base_loss = 3.0, .own_loss = 2.0, .held_out_tokens = 2000, .steps = 30, .pilot = false}));
    REQUIRE(Type({"submit", at[0], at[1]}) == 0);
    return workspace;
  }

  void Report(const contributor::CoordinatorConnection& member) {
    v1::ReportMeasurementRequest report;
    report.set_parent(kParent);
    report.mutable_measurement()->set_base_loss(3);
    report.mutable_measurement()->set_own_loss(2);
    report.mutable_measurement()->set_held_out_tokens(2000);
    report.mutable_measurement()->set_steps(30);
    const auto stub = v1::PredictionService::NewStub(member.channel);
    REQUIRE_OK(CallUnary(address, *stub, &Prediction::ReportMeasurement, report));
  }

  std::string PredictionBasis() {
    v1::CreatePredictionRequest request;
    request.set_parent(kParent);
    const auto stub = v1::PredictionService::NewStub(admin);
    REQUIRE_OK_AND_ASSIGN(const v1::Prediction prediction,
                          CallUnary(address, *stub, &Prediction::CreatePrediction, request));
    return prediction.basis();
  }

  v1::CreateFusionRequest FusionRequest() const {
    v1::CreateFusionRequest request;
    request.set_parent(kParent);
    request.set_fusion_id("first");
    request.mutable_fusion()->set_seed(7);
    request.mutable_fusion()->set_steps(30);
    v1::ReferenceModel& reference = *request.mutable_fusion()->add_reference_models();
    reference.set_label("monolithic");
    reference.set_directory(temp.File("pooled"));
    return request;
  }

  // The last message of the watch; every state on the way is checked for order.
  v1::Fusion Watch(const std::string& name) {
    const auto stub = v1::FusionService::NewStub(admin);
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(60));
    v1::GetFusionRequest request;
    request.set_name(name);
    const auto reader = stub->WatchFusion(&context, request);
    v1::Fusion now;
    v1::Fusion next;
    while (reader->Read(&next)) {
      REQUIRE(next.state() >= now.state());
      if (next.state() == now.state()) REQUIRE(next.progress_done() >= now.progress_done());
      REQUIRE(next.progress_done() <= next.progress_total());
      now = next;
    }
    REQUIRE_OK(CallStatus(reader->Finish(), address));
    return now;
  }
};

v1::GenerateRequest Question() {
  v1::GenerateRequest request;
  request.set_model(kModel);
  request.set_prompt(absl::StrJoin(DomainTexts("tide", 1, 77), " ").substr(0, 60));
  request.set_output_tokens_max(24);
  request.set_temperature(0.8);
  request.set_seed(5);
  return request;
}

double ShareSum(const v1::Usage& usage) {
  double sum = 0;
  for (const v1::ExpertShare& share : usage.experts()) sum += share.share();
  return sum;
}

// -1 when the answer does not name the domain's expert.
double ShareOf(const std::string& domain, const v1::Usage& usage) {
  for (const v1::ExpertShare& share : usage.experts()) {
    if (share.domain() == domain) return share.share();
  }
  return -1;
}

// Every field at its bounds and beyond: refused with its name before anything is computed.
void CheckFusionFields(Ground& ground) {
  const auto stub = v1::FusionService::NewStub(ground.admin);
  const auto check = [&](const std::function<void(v1::CreateFusionRequest&)>& change) {
    v1::CreateFusionRequest request;
    request.set_parent(kParent);
    request.set_validate_only(true);
    change(request);
    return CallUnary(ground.address, *stub, &Fusion::CreateFusion, request, {.attempts = 1});
  };
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const int32_t steps : {INT32_MIN, -1, 20'001, INT32_MAX}) {
    INFO(steps << " steps");
    REQUIRE_STATUS(check([&](auto& r) { r.mutable_fusion()->set_steps(steps); }), kInvalid,
                   "FIELD_INVALID");
  }
  for (const int32_t steps : {0, 1, 20'000}) {
    INFO(steps << " steps");
    REQUIRE_OK(check([&](auto& r) { r.mutable_fusion()->set_steps(steps); }));
  }
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1} << 63, UINT64_MAX}) {
    const auto planned = check([&](auto& r) { r.mutable_fusion()->set_seed(seed); });
    REQUIRE_OK(planned);
    REQUIRE(planned->seed() == seed);
  }
  for (const int mixture : {INT32_MIN, -1, 3, INT32_MAX}) {
    INFO("mixture " << mixture);
    REQUIRE_STATUS(check([&](auto& r) {
                     r.mutable_fusion()->set_mixture(static_cast<v1::Model::Mixture>(mixture));
                   }),
                   kInvalid, "FIELD_INVALID");
  }
  for (const v1::Model::Mixture mixture :
       {v1::Model::MIXTURE_UNSPECIFIED, v1::Model::PROBABILITY, v1::Model::LOGIT}) {
    const auto planned = check([&](auto& r) { r.mutable_fusion()->set_mixture(mixture); });
    REQUIRE_OK(planned);
    REQUIRE(planned->mixture() == std::max(mixture, v1::Model::PROBABILITY));
  }
  // What the server writes is not read.
  const auto told = check([](auto& r) {
    v1::Fusion& fusion = *r.mutable_fusion();
    fusion.set_state(static_cast<v1::Fusion::State>(INT32_MIN));
    fusion.set_progress_done(INT64_MIN);
    fusion.set_progress_total(INT64_MIN);
    fusion.mutable_result()->set_gain_percent(std::numeric_limits<double>::quiet_NaN());
    fusion.mutable_end_time()->set_seconds(INT64_MIN);
  });
  REQUIRE_OK(told);
  REQUIRE(told->state() == v1::Fusion::QUEUED);
  REQUIRE_FALSE(told->has_result());
  REQUIRE_FALSE(told->has_end_time());
  REQUIRE(told->progress_total() >= 0);
  REQUIRE_STATUS(check([](auto& r) { r.set_fusion_id("No Id"); }), kInvalid, "NAME_INVALID");
  REQUIRE_STATUS(check([](auto& r) { r.set_fusion_id(std::string(64, 'a')); }), kInvalid,
                 "NAME_INVALID");
  REQUIRE_STATUS(
      check([](auto& r) { r.mutable_fusion()->add_submissions("cooperatives/nordic/x"); }),
      absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED");
  for (const int32_t size : {INT32_MIN, -1}) {
    v1::ListFusionsRequest list;
    list.set_parent(kParent);
    list.set_page_size(size);
    REQUIRE_STATUS(CallUnary(ground.address, *stub, &Fusion::ListFusions, list), kInvalid,
                   "FIELD_INVALID");
  }
  v1::ListFusionsRequest none;
  none.set_parent(kParent);
  REQUIRE_OK_AND_ASSIGN(const v1::ListFusionsResponse fusions,
                        CallUnary(ground.address, *stub, &Fusion::ListFusions, none));
  REQUIRE(fusions.fusions_size() == 0);  // all of it was looked at only
}

void CheckFusion(Ground& ground, const v1::Fusion& fusion) {
  INFO(fusion.failure_reason() << " " << fusion.failure_message());
  REQUIRE(fusion.state() == v1::Fusion::SUCCEEDED);
  REQUIRE(fusion.reference_models(0).label() == "monolithic");
  REQUIRE(fusion.reference_models(0).directory().empty());
  const nlohmann::json report = nlohmann::json::parse(fusion.result().report_json());
  REQUIRE(report["inputs"]["reference_models"][0]["root_digest"] ==
          fusion.reference_models(0).root_digest());
  // It read both domains for twice as long as the base: it beats the base on each.
  for (const nlohmann::json& domain : report["domains"]) {
    REQUIRE(domain["losses"]["reference_models"][0] < domain["losses"]["base"]);
  }
  v1::GetLossMatrixRequest request;
  request.set_parent(kParent);
  const auto stub = v1::PredictionService::NewStub(ground.admin);
  REQUIRE_OK_AND_ASSIGN(const v1::LossMatrix matrix,
                        CallUnary(ground.address, *stub, &Prediction::GetLossMatrix, request));
  REQUIRE(matrix.rows_size() == 3);  // base and two specialists; the reference is no expert
  REQUIRE(matrix.fusion() == fusion.name());
  REQUIRE_FALSE(matrix.rows(1).contributor().empty());
  // What anybody computes from the matrix is what the report says of credit and gain.
  REQUIRE_OK_AND_ASSIGN(const ForecastFile file, ReadLossMatrix(matrix));
  REQUIRE(file.fused.has_value());
  const double best = FindBestSpecialist(file.matrix).equal_weight_loss;
  REQUIRE_NEAR(GainPercent(best, EqualWeightLoss(*file.fused)), fusion.result().gain_percent(),
               1e-9);
  REQUIRE_NEAR(OracleGainPercent(file.matrix), fusion.result().oracle_gain_percent(), 1e-9);
}

// A text too short to find the speaker misses the guard: the release needs a reason.
void Release(Ground& ground, const v1::Fusion& fusion) {
  const auto stub = v1::FusionService::NewStub(ground.admin);
  v1::ReleaseModelRequest request;
  request.set_fusion(fusion.name());
  REQUIRE_FALSE(fusion.result().guard_met());
  REQUIRE_STATUS(CallUnary(ground.address, *stub, &Fusion::ReleaseModel, request),
                 absl::StatusCode::kFailedPrecondition, "GUARD_NOT_MET");
  request.set_acknowledged_reason(std::string(limits::kCommentBytesMax + 1, 'x'));
  REQUIRE_STATUS(CallUnary(ground.address, *stub, &Fusion::ReleaseModel, request),
                 absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  request.set_acknowledged_reason("chunks of 32 tokens are a test's");
  REQUIRE_OK_AND_ASSIGN(const v1::Model model,
                        CallUnary(ground.address, *stub, &Fusion::ReleaseModel, request));
  REQUIRE(model.name() == kModel);
  REQUIRE(model.experts_size() == 3);
}

void CheckAnswers(Ground& ground, Inference& stub) {
  // While the model loads the answer is MODEL_NOT_READY, which is worth repeating.
  REQUIRE_OK_AND_ASSIGN(const v1::GenerateResponse whole,
                        CallUnary(ground.address, stub, &Inference::Generate, Question(),
                                  {.attempts = 40, .wait_max = absl::Milliseconds(200)}));
  REQUIRE_NEAR(ShareSum(whole.usage()), 1.0, 1e-6);
  REQUIRE(ShareOf("tide", whole.usage()) > 0.5);  // the question is of its domain
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(30));
  const auto reader = stub.StreamGenerate(&context, Question());
  std::string text;
  v1::GenerateResponse last;
  for (v1::GenerateResponse part; reader->Read(&part); last = part) {
    REQUIRE(last.finish_reason().empty());
    text += part.text();
  }
  REQUIRE_OK(CallStatus(reader->Finish(), ground.address));
  REQUIRE_FALSE(text.empty());
  REQUIRE(text == whole.text());
  REQUIRE(last.finish_reason() == whole.finish_reason());
  REQUIRE(last.usage().output_tokens() == whole.usage().output_tokens());
  REQUIRE_NEAR(ShareSum(last.usage()), 1.0, 1e-6);
}

void CheckRefusals(Ground& ground, Inference& stub) {
  const auto ask = [&](const v1::GenerateRequest& request) {
    return CallUnary(ground.address, stub, &Inference::Generate, request, {.attempts = 1});
  };
  v1::GenerateRequest nobody = Question();
  nobody.set_model("cooperatives/nordic/models/nobody");
  REQUIRE_STATUS(ask(nobody), absl::StatusCode::kNotFound, "MODEL_NOT_FOUND");
  v1::GenerateRequest longer = Question();
  longer.set_prompt(absl::StrJoin(DomainTexts("tide", 8, 1), " "));
  REQUIRE_STATUS(ask(longer), absl::StatusCode::kInvalidArgument, "PROMPT_TOO_LONG");
}

absl::Status AskBothWays(const Ground& ground, Inference& stub,
                         const v1::GenerateRequest& request) {
  const absl::Status whole =
      CallUnary(ground.address, stub, &Inference::Generate, request, {.attempts = 1}).status();
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(60));
  const auto reader = stub.StreamGenerate(&context, request);
  for (v1::GenerateResponse part; reader->Read(&part);) {
  }
  const absl::Status streamed = CallStatus(reader->Finish(), ground.address);
  CHECK(GetErrorReason(whole) == GetErrorReason(streamed));
  CHECK(whole.message() == streamed.message());
  return whole;
}

// Every number of a question at its bounds and beyond: refused by its name before a token is read.
void CheckGenerationFields(Ground& ground, Inference& stub) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const double tiny = std::numeric_limits<double>::denorm_min();
  constexpr auto kLeast = static_cast<double>(INT64_MIN);
  struct Field {
    std::string name;
    std::function<void(v1::GenerateRequest&, double)> set;
    std::vector<double> taken, refused;
  };
  const Field fields[] = {
      {"temperature",
       [](auto& r, double v) { r.set_temperature(v); },
       {0, -0.0, tiny, 100},
       {-tiny, -1, std::nextafter(100.0, 101.0), 101, kLeast, nan, infinity, -infinity}},
      {"top_p",
       [](auto& r, double v) { r.set_top_p(v); },
       {0, tiny, 1},
       {-tiny, -1, std::nextafter(1.0, 2.0), 2, kLeast, nan, infinity, -infinity}},
      {"output_tokens_max",
       [](auto& r, double v) { r.set_output_tokens_max(static_cast<int32_t>(v)); },
       {0, 1},
       {-1, limits::kOutputTokensMax + 1, INT32_MIN, INT32_MAX}}};
  const auto prompted = [&] {
    return ground.coordinator.Metric(R"(kalavai_generation_tokens_total{kind="prompt"})");
  };
  for (const Field& field : fields) {
    const double before = prompted();
    for (const double value : field.refused) {
      INFO(field.name << " = " << value);
      v1::GenerateRequest request = Question();
      field.set(request, value);
      const absl::Status status = AskBothWays(ground, stub, request);
      REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
      CHECK(absl::StrContains(status.message(), absl::StrCat(field.name, ": ")));
      CHECK(absl::StrContains(status.message(), " found; must be "));
    }
    CHECK(prompted() == before);
    for (const double value : field.taken) {
      INFO(field.name << " = " << value);
      v1::GenerateRequest request = Question();
      field.set(request, value);
      REQUIRE_OK(AskBothWays(ground, stub, request));
    }
  }
  // Of the tokens that the service would give, the model's context has the last word.
  v1::GenerateRequest request = Question();
  request.set_output_tokens_max(limits::kOutputTokensMax);
  const absl::Status longer = AskBothWays(ground, stub, request);
  REQUIRE_STATUS(longer, absl::StatusCode::kInvalidArgument, "PROMPT_TOO_LONG");
  const auto metadata = GetErrorDetail(longer)->text.metadata;
  const int32_t room =
      std::stoi(metadata.at("context_tokens")) - std::stoi(metadata.at("prompt_tokens"));
  request.set_output_tokens_max(room + 1);
  REQUIRE_STATUS(AskBothWays(ground, stub, request), absl::StatusCode::kInvalidArgument,
                 "PROMPT_TOO_LONG");
  request.set_output_tokens_max(room);
  REQUIRE_OK(AskBothWays(ground, stub, request));
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1} << 63, UINT64_MAX}) {
    request = Question();
    request.set_seed(seed);
    REQUIRE_OK(AskBothWays(ground, stub, request));
  }
}

// The same specialists as a mixture of logits: judged, released, asked; then back to the first.
void CheckLogitMixture(Ground& ground, Inference& member) {
  const auto stub = v1::FusionService::NewStub(ground.admin);
  v1::CreateFusionRequest request = ground.FusionRequest();
  request.set_fusion_id("logits");
  request.mutable_fusion()->clear_reference_models();
  request.mutable_fusion()->set_mixture(v1::Model::LOGIT);
  REQUIRE_OK_AND_ASSIGN(const v1::Fusion created,
                        CallUnary(ground.address, *stub, &Fusion::CreateFusion, request));
  REQUIRE(created.mixture() == v1::Model::LOGIT);
  const v1::Fusion fusion = ground.Watch(created.name());
  INFO(fusion.failure_reason() << " " << fusion.failure_message());
  REQUIRE(fusion.state() == v1::Fusion::SUCCEEDED);
  REQUIRE(fusion.mixture() == v1::Model::LOGIT);
  REQUIRE(fusion.progress_unit() == "texts");
  REQUIRE(nlohmann::json::parse(fusion.result().report_json())["inputs"]["mixture"] == "logit");
  v1::ReleaseModelRequest release;
  release.set_fusion(fusion.name());
  release.set_acknowledged_reason("chunks of 32 tokens are a test's");
  REQUIRE_OK_AND_ASSIGN(const v1::Model model,
                        CallUnary(ground.address, *stub, &Fusion::ReleaseModel, release));
  REQUIRE(model.mixture() == v1::Model::LOGIT);
  const RetryPolicy patient = {.attempts = 40, .wait_max = absl::Milliseconds(200)};
  v1::GenerateRequest question = Question();
  question.set_model(model.name());
  REQUIRE_OK_AND_ASSIGN(const v1::GenerateResponse answer,
                        CallUnary(ground.address, member, &Inference::Generate, question, patient));
  REQUIRE(answer.usage().model_digest() == model.root_digest());
  REQUIRE(ShareOf("tide", answer.usage()) > 0.5);
  v1::ListModelsRequest list;
  list.set_parent(kParent);
  REQUIRE_OK_AND_ASSIGN(const v1::ListModelsResponse models,
                        CallUnary(ground.address, member, &Inference::ListModels, list));
  REQUIRE(models.models_size() == 2);
  REQUIRE(models.models(0).mixture() == v1::Model::PROBABILITY);
  REQUIRE(models.models(1).mixture() == v1::Model::LOGIT);
  v1::RollbackModelRequest rollback;
  rollback.set_parent(kParent);
  rollback.set_comment("probabilities again");
  const auto admin = v1::InferenceService::NewStub(ground.admin);
  REQUIRE_OK_AND_ASSIGN(const v1::Model first,
                        CallUnary(ground.address, *admin, &Inference::RollbackModel, rollback));
  REQUIRE(first.name() == kModel);
  REQUIRE(first.mixture() == v1::Model::PROBABILITY);
  REQUIRE_OK(CallUnary(ground.address, member, &Inference::Generate, Question(), patient));
}

// Every release there was mixes one who has left.
void CheckRollbackRefused(Ground& ground, const contributor::CoordinatorConnection& member) {
  v1::RollbackModelRequest rollback;
  rollback.set_parent(kParent);
  rollback.set_comment("answers got worse");
  const auto theirs = v1::InferenceService::NewStub(member.channel);
  REQUIRE_STATUS(CallUnary(ground.address, *theirs, &Inference::RollbackModel, rollback),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  const auto stub = v1::InferenceService::NewStub(ground.admin);
  const auto call = [&] {
    return CallUnary(ground.address, *stub, &Inference::RollbackModel, rollback, {.attempts = 1});
  };
  REQUIRE_STATUS(call(), absl::StatusCode::kFailedPrecondition, "NO_EARLIER_MODEL");
  rollback.set_model(kModel);
  REQUIRE_STATUS(call(), absl::StatusCode::kFailedPrecondition, "MODEL_HAS_WITHDRAWN_MEMBER");
  rollback.set_model("cooperatives/nordic/models/nobody");
  REQUIRE_STATUS(call(), absl::StatusCode::kNotFound, "MODEL_NOT_FOUND");
  rollback.set_model("cooperatives/other/models/first");
  REQUIRE_STATUS(call(), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  rollback.clear_comment();
  REQUIRE_STATUS(call(), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
}

TEST_CASE("from a charter to an answer over RPC, and silence after withdrawal", "[integration]") {
  Ground ground;
  const Workspace bergen = ground.Submit("bergen", "tide");
  const Workspace oslo = ground.Submit("oslo", "stone");
  REQUIRE_OK_AND_ASSIGN(const contributor::CoordinatorConnection of_bergen,
                        contributor::Connect(bergen));
  REQUIRE_OK_AND_ASSIGN(const contributor::CoordinatorConnection of_oslo,
                        contributor::Connect(oslo));
  ground.Report(of_bergen);
  ground.Report(of_oslo);
  REQUIRE(ground.PredictionBasis() == "coverage");

  const v1::CreateFusionRequest request = ground.FusionRequest();
  const auto as_member = v1::FusionService::NewStub(of_oslo.channel);
  REQUIRE_STATUS(CallUnary(ground.address, *as_member, &Fusion::CreateFusion, request),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  const auto fusions = v1::FusionService::NewStub(ground.admin);
  v1::CreateFusionRequest other = request;
  other.mutable_fusion()->mutable_reference_models(0)->set_label("Not a label");
  REQUIRE_STATUS(CallUnary(ground.address, *fusions, &Fusion::CreateFusion, other),
                 absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  CheckFusionFields(ground);
  REQUIRE_OK_AND_ASSIGN(const v1::Fusion created,
                        CallUnary(ground.address, *fusions, &Fusion::CreateFusion, request));
  const v1::Fusion fusion = ground.Watch(created.name());
  CheckFusion(ground, fusion);
  const auto metric = [&](const std::string& series) { return ground.coordinator.Metric(series); };
  CHECK(metric(R"(kalavai_fusions_total{state="succeeded"})") == 1);
  for (const char* state : {"probing", "training_router", "evaluating", "succeeded"}) {
    INFO(state);
    CHECK(metric(absl::StrCat(R"(kalavai_fusion_duration_seconds_count{state=")", state,
                              R"("})")) == 1);
  }
  REQUIRE(ground.PredictionBasis() == "oracle");
  Release(ground, fusion);

  const auto inference = v1::InferenceService::NewStub(of_oslo.channel);
  CheckAnswers(ground, *inference);
  CHECK(metric(R"(kalavai_generation_tokens_total{kind="prompt"})") > 0);
  CHECK(metric(R"(kalavai_generation_tokens_total{kind="output"})") > 0);
  CheckRefusals(ground, *inference);
  CheckGenerationFields(ground, *inference);
  CheckLogitMixture(ground, *inference);

  v1::WithdrawContributorRequest withdraw;
  withdraw.set_name(absl::StrCat(kParent, "/contributors/bergen"));
  const auto leaving = v1::CooperativeAdmin::NewStub(of_bergen.channel);
  REQUIRE_OK_AND_ASSIGN(const v1::Contributor left,
                        CallUnary(ground.address, *leaving, &Admin::WithdrawContributor, withdraw));
  REQUIRE(left.state() == v1::Contributor::WITHDRAWN);
  REQUIRE(left.withdrawal().files_deleted() > 0);
  // Its certificate is revoked now, and good for this one call: the receipt again.
  REQUIRE_OK_AND_ASSIGN(const v1::Contributor again,
                        CallUnary(ground.address, *leaving, &Admin::WithdrawContributor, withdraw));
  REQUIRE(again.withdrawal().receipt_envelope() == left.withdrawal().receipt_envelope());
  withdraw.set_name(absl::StrCat(kParent, "/contributors/oslo"));
  REQUIRE_STATUS(CallUnary(ground.address, *leaving, &Admin::WithdrawContributor, withdraw),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  REQUIRE_OK_AND_ASSIGN(const contributor::ReceiptKeys keys, contributor::LoadReceiptKeys(bergen));
  REQUIRE_OK_AND_ASSIGN(const contributor::Receipt receipt,
                        contributor::VerifyReceipt(left.withdrawal().receipt_envelope(), keys));
  REQUIRE(receipt.kind == "withdrawal");
  REQUIRE(static_cast<int64_t>(receipt.payload["deleted"].size()) ==
          left.withdrawal().files_deleted());
  const auto refused = v1::InferenceService::NewStub(of_bergen.channel);
  REQUIRE_STATUS(CallUnary(ground.address, *refused, &Inference::Generate, Question()),
                 absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED");
  REQUIRE_OK_AND_ASSIGN(const v1::GenerateResponse without,
                        CallUnary(ground.address, *inference, &Inference::Generate, Question()));
  REQUIRE_NEAR(ShareSum(without.usage()), 1.0, 1e-6);
  REQUIRE(ShareOf("tide", without.usage()) == 0);
  CheckRollbackRefused(ground, of_oslo);
}

}  // namespace
}  // namespace kalavai
