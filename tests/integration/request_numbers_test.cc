// Goal: every numeric field of every request is taken at its bounds and refused beyond them, with a
// named reason, before anything is stored or computed. Method: the fields are read off the
// services' descriptors, so that a new one fails here until it has its row; a table of calls to a
// real server. Fields of fusions and generation need a model: fusion_rpc_test.cc.
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"

#include "common/base/limits.h"
#include "common/corpus/probe_documents.h"
#include "common/crypto/sha256.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "common/rpc/status_conversion.h"
#include "kalavai/v1/checkpoint.grpc.pb.h"
#include "kalavai/v1/cooperative.grpc.pb.h"
#include "kalavai/v1/enrollment.grpc.pb.h"
#include "kalavai/v1/fusion.grpc.pb.h"
#include "kalavai/v1/inference.grpc.pb.h"
#include "kalavai/v1/operations.grpc.pb.h"
#include "kalavai/v1/prediction.grpc.pb.h"
#include "kalavai/v1/submission.grpc.pb.h"
#include "kalavai/v1/transparency.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::testing {
namespace {

namespace pb = google::protobuf;
using Admin = v1::CooperativeAdmin::Stub;
using Log = v1::TransparencyLogService::Stub;
using Prediction = v1::PredictionService::Stub;

constexpr char kParent[] = "cooperatives/nordic";
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr auto kLeast = static_cast<double>(INT64_MIN);
constexpr double kTiny = std::numeric_limits<double>::denorm_min();

// A cooperative with a base, two members of different domains and no probe text.
struct Ground {
  InProcessCoordinator coordinator;
  TempDir base;
  std::string address = coordinator.address();
  std::shared_ptr<grpc::Channel> admin = coordinator.AdministratorChannel();
  std::vector<Member> members;
  int founded = 0;

  Ground() {
    WriteTinyBase(base.path(), 1);
    coordinator.LaunchCooperative("nordic", {"legal", "medical"}, base.path());
    coordinator.FoundCooperative("draft", {"legal"});
    members.push_back(coordinator.Enroll("nordic", "firm", "legal"));
    members.push_back(coordinator.Enroll("nordic", "st-mary", "medical"));
    for (const Member& member : members) REQUIRE_OK(Report(member, Measured(4, 3)));
  }

  static v1::Measurement Measured(double base_loss, double own_loss) {
    v1::Measurement measurement;
    measurement.set_base_loss(base_loss);
    measurement.set_own_loss(own_loss);
    measurement.set_held_out_tokens(16'384);
    measurement.set_steps(200);
    return measurement;
  }

  absl::Status Report(const Member& member, const v1::Measurement& measurement) const {
    v1::ReportMeasurementRequest request;
    request.set_parent(kParent);
    *request.mutable_measurement() = measurement;
    const auto stub = v1::PredictionService::NewStub(member.channel);
    return CallUnary(address, *stub, &Prediction::ReportMeasurement, request, {.attempts = 1})
        .status();
  }

  absl::Status Found(const std::function<void(v1::Cooperative&)>& change) {
    v1::CreateCooperativeRequest request;
    request.set_cooperative_id(absl::StrCat("c", ++founded));
    request.mutable_cooperative()->add_domains("legal");
    change(*request.mutable_cooperative());
    const auto stub = v1::CooperativeAdmin::NewStub(admin);
    return CallUnary(address, *stub, &Admin::CreateCooperative, request, {.attempts = 1}).status();
  }

  // The log's size now.
  int64_t Leaves() const {
    const auto stub = v1::TransparencyLogService::NewStub(admin);
    REQUIRE_OK_AND_ASSIGN(const v1::ListLogEntriesResponse listed,
                          CallUnary(address, *stub, &Log::ListLogEntries, {}));
    return listed.log_size();
  }
};

// Calls with one value of one field, all others being good.
template <typename Value>
struct Row {
  std::string field;  // "CooperativeAdmin/ListCooperatives page_size"
  std::function<absl::Status(Value)> call;
  std::vector<Value> taken;
  std::map<std::string, std::vector<Value>> refused;  // by reason
};

template <typename Value>
void Check(const Row<Value>& row, std::set<std::string>& tested) {
  for (const auto& [reason, values] : row.refused) {
    for (const Value value : values) {
      INFO(row.field << " = " << value);
      const absl::Status status = row.call(value);
      INFO(status);
      REQUIRE_FALSE(status.ok());
      CHECK(GetErrorReason(status) == reason);
      CHECK_FALSE(status.message().empty());
    }
  }
  for (const Value value : row.taken) {
    INFO(row.field << " = " << value);
    REQUIRE_OK(row.call(value));
  }
  tested.insert(row.field);
}

using Whole = Row<int64_t>;
using Real = Row<double>;

// page_size of one list.
template <typename Service, typename Request, typename Response>
Whole PageRow(const Ground& ground, const std::string& method,
              grpc::Status (Service::Stub::*call)(grpc::ClientContext*, const Request&, Response*),
              const std::function<void(Request&)>& fill) {
  return {.field = absl::StrCat(method, " page_size"),
          .call =
              [&ground, call, fill](int64_t size) {
                Request request;
                fill(request);
                request.set_page_size(static_cast<int32_t>(size));
                const auto stub = Service::NewStub(ground.admin);
                return CallUnary(ground.address, *stub, call, request, {.attempts = 1}).status();
              },
          .taken = {0, 1, 500, 501, INT32_MAX},
          .refused = {{"FIELD_INVALID", {-1, INT32_MIN}}}};
}

std::vector<Whole> PageRows(const Ground& ground) {
  const auto of_nordic = [](auto& request) { request.set_parent(kParent); };
  return {
      PageRow<v1::CooperativeAdmin, v1::ListCooperativesRequest>(
          ground, "CooperativeAdmin/ListCooperatives", &Admin::ListCooperatives, [](auto&) {}),
      PageRow<v1::CooperativeAdmin, v1::ListContributorsRequest>(
          ground, "CooperativeAdmin/ListContributors", &Admin::ListContributors, of_nordic),
      PageRow<v1::SubmissionService, v1::ListSubmissionsRequest>(
          ground, "SubmissionService/ListSubmissions",
          &v1::SubmissionService::Stub::ListSubmissions, of_nordic),
      PageRow<v1::PredictionService, v1::ListPredictionsRequest>(
          ground, "PredictionService/ListPredictions", &Prediction::ListPredictions, of_nordic),
      PageRow<v1::FusionService, v1::ListFusionsRequest>(
          ground, "FusionService/ListFusions", &v1::FusionService::Stub::ListFusions, of_nordic),
      PageRow<v1::InferenceService, v1::ListModelsRequest>(ground, "InferenceService/ListModels",
                                                           &v1::InferenceService::Stub::ListModels,
                                                           of_nordic),
      PageRow<v1::TransparencyLogService, v1::ListLogEntriesRequest>(
          ground, "TransparencyLogService/ListLogEntries", &Log::ListLogEntries, [](auto&) {})};
}

std::vector<Whole> CharterRows(Ground& ground) {
  return {
      {.field = "CooperativeAdmin/CreateCooperative cooperative.freeze_depth",
       .call =
           [&](int64_t depth) {
             return ground.Found([&](auto& c) { c.set_freeze_depth(static_cast<int32_t>(depth)); });
           },
       .taken = {0, 1024},
       .refused = {{"FIELD_INVALID", {-1, 1025, INT32_MIN, INT32_MAX}}}},
      {.field = "CooperativeAdmin/CreateCooperative cooperative.chunk_tokens",
       .call =
           [&](int64_t tokens) {
             return ground.Found(
                 [&](auto& c) { c.set_chunk_tokens(static_cast<int32_t>(tokens)); });
           },
       .taken = {0, 16, 4096},
       .refused = {{"FIELD_INVALID", {-1, 1, 15, 4097, INT32_MIN, INT32_MAX}}}}};
}

// A header of `size` before 40 bytes of text.
absl::Status SendText(const Ground& ground, bool shared, int64_t size) {
  const auto stub =
      v1::CooperativeAdmin::NewStub(shared ? ground.members[0].channel : ground.admin);
  const std::string text = "{\"text\":\"forty bytes of text, no more.\"}\n";
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(20));
  v1::ProbeText added;
  const auto writer =
      shared ? stub->ShareSample(&context, &added) : stub->AddProbeText(&context, &added);
  v1::AddProbeTextRequest request;
  request.mutable_header()->set_parent(shared ? kParent : "cooperatives/draft");
  if (!shared) request.mutable_header()->set_domain("legal");
  request.mutable_header()->set_format("jsonl");
  request.mutable_header()->set_size_bytes(size);
  request.mutable_header()->set_sha256(Sha256Of(text).Hex());
  if (writer->Write(request)) {
    request.set_data(text);
    if (writer->Write(request)) writer->WritesDone();
  }
  return CallStatus(writer->Finish(), ground.address);
}

// A size that is in range is held against what comes then.
std::vector<Whole> TextRows(const Ground& ground) {
  constexpr int64_t kMost = limits::kProbeTextBytesMax;
  return {{.field = "CooperativeAdmin/AddProbeText header.size_bytes",
           .call = [&](int64_t size) { return SendText(ground, false, size); },
           .taken = {},
           .refused = {{"FIELD_INVALID", {0, -1, INT64_MIN}},
                       {"SIZE_MISMATCH", {1}},
                       {"DIGEST_MISMATCH", {kMost}},
                       {"PROBE_TEXT_TOO_LARGE", {kMost + 1, INT64_MAX}}}},
          {.field = "CooperativeAdmin/ShareSample header.size_bytes",
           .call = [&](int64_t size) { return SendText(ground, true, size); },
           .taken = {},
           .refused = {{"FIELD_INVALID", {0, -1, INT64_MIN}},
                       {"SIZE_MISMATCH", {1}},
                       {"DIGEST_MISMATCH", {kSampleBytesMax}},
                       {"PROBE_TEXT_TOO_LARGE", {kSampleBytesMax + 1, INT64_MAX}}}}};
}

absl::Status ReadRange(const Ground& ground, int64_t offset, int64_t limit) {
  const auto stub = v1::CheckpointDistributionService::NewStub(ground.members[0].channel);
  v1::ReadFileRequest request;
  request.set_name(absl::StrCat(kParent, "/checkpoints/base"));
  request.set_path("config.json");
  request.set_read_offset(offset);
  request.set_read_limit(limit);
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(20));
  const auto reader = stub->ReadFile(&context, request);
  for (v1::ReadFileResponse part; reader->Read(&part);) {
  }
  return CallStatus(reader->Finish(), ground.address);
}

std::vector<Whole> RangeRows(const Ground& ground) {
  const auto size = static_cast<int64_t>(ReadFile(ground.base.File("config.json")).size());
  return {{.field = "CheckpointDistributionService/ReadFile read_offset",
           .call = [&](int64_t offset) { return ReadRange(ground, offset, 0); },
           .taken = {0, 1, size},
           .refused = {{"OFFSET_MISMATCH", {-1, size + 1, INT64_MIN, INT64_MAX}}}},
          {.field = "CheckpointDistributionService/ReadFile read_limit",
           .call = [&](int64_t limit) { return ReadRange(ground, 1, limit); },
           .taken = {0, 1, size, INT64_MAX},
           .refused = {{"FIELD_INVALID", {-1, INT64_MIN}}}}};
}

// A draft whose config.json is said to have `size` bytes.
absl::Status Declare(v1::SubmissionService::Stub& stub, const std::string& submission,
                     int64_t size) {
  v1::DeclareFilesRequest declare;
  declare.set_name(submission);
  for (const char* name : {"config.json", "divergence.json", "model.safetensors", "model.sig",
                           "privacy.json", "submission.json", "tokenizer.json"}) {
    v1::FileDigest& file = *declare.add_files();
    file.set_path(name);
    file.set_size_bytes(file.path() == "config.json" ? size : 2);
    file.set_sha256(Sha256Of(name).Hex());
  }
  return CallUnary("", stub, &v1::SubmissionService::Stub::DeclareFiles, declare, {.attempts = 1})
      .status();
}

absl::Status WriteAt(v1::SubmissionService::Stub& stub, const std::string& upload, int64_t offset) {
  v1::WriteUploadRequest message;
  message.set_name(upload);
  message.set_write_offset(offset);
  message.set_data("{");
  message.set_chunk_sha256(std::string(Sha256Of("{").bytes()));
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(20));
  v1::Upload ignored;
  const auto writer = stub.WriteUpload(&context, &ignored);
  writer->Write(message);
  writer->WritesDone();
  return FromGrpcStatus(writer->Finish());
}

void CheckUploads(const Ground& ground, std::set<std::string>& tested) {
  using Submission = v1::SubmissionService::Stub;
  const auto stub = v1::SubmissionService::NewStub(ground.members[0].channel);
  v1::CreateSubmissionRequest create;
  create.set_parent(kParent);
  REQUIRE_OK_AND_ASSIGN(const v1::Submission submission,
                        CallUnary(ground.address, *stub, &Submission::CreateSubmission, create));
  Check(Whole{.field = "SubmissionService/DeclareFiles files.size_bytes",
              .call = [&](int64_t size) { return Declare(*stub, submission.name(), size); },
              .taken = {1, limits::kJsonBytesMax, 2},
              .refused = {{"SIZE_MISMATCH",
                           {0, -1, limits::kJsonBytesMax + 1, INT64_MIN, INT64_MAX}}}},
        tested);
  v1::StartUploadRequest start;
  start.set_parent(submission.name());
  start.set_path("config.json");
  REQUIRE_OK_AND_ASSIGN(const v1::Upload upload,
                        CallUnary(ground.address, *stub, &Submission::StartUpload, start));
  Check(Whole{.field = "SubmissionService/WriteUpload write_offset",
              .call = [&](int64_t offset) { return WriteAt(*stub, upload.name(), offset); },
              .taken = {0, 1},
              .refused = {{"OFFSET_MISMATCH", {-1, 1, INT64_MIN, INT64_MAX}}}},
        tested);
}

// Nothing may be recorded between two of these: the bound is the log's size.
std::vector<Whole> LogRows(const Ground& ground) {
  const int64_t size = ground.Leaves();
  const auto inclusion = [&](int64_t index, int64_t tree_size) {
    v1::GetInclusionProofRequest request;
    request.set_leaf_index(index);
    request.set_tree_size(tree_size);
    const auto stub = v1::TransparencyLogService::NewStub(ground.admin);
    return CallUnary(ground.address, *stub, &Log::GetInclusionProof, request, {.attempts = 1})
        .status();
  };
  const auto consistency = [&](int64_t first, int64_t second) {
    v1::GetConsistencyProofRequest request;
    request.set_first_size(first);
    request.set_second_size(second);
    const auto stub = v1::TransparencyLogService::NewStub(ground.admin);
    return CallUnary(ground.address, *stub, &Log::GetConsistencyProof, request, {.attempts = 1})
        .status();
  };
  const std::vector<int64_t> negative = {-1, INT64_MIN};
  return {{.field = "TransparencyLogService/ListLogEntries start_index",
           .call =
               [&](int64_t index) {
                 v1::ListLogEntriesRequest request;
                 request.set_start_index(index);
                 const auto stub = v1::TransparencyLogService::NewStub(ground.admin);
                 return CallUnary(ground.address, *stub, &Log::ListLogEntries, request).status();
               },
           .taken = {0, size - 1, size, INT64_MAX},
           .refused = {{"FIELD_INVALID", negative}}},
          {.field = "TransparencyLogService/GetInclusionProof leaf_index",
           .call = [=](int64_t index) { return inclusion(index, size); },
           .taken = {0, size - 1},
           .refused = {{"FIELD_INVALID", negative}, {"PROOF_INVALID", {size, INT64_MAX}}}},
          {.field = "TransparencyLogService/GetInclusionProof tree_size",
           .call = [=](int64_t tree_size) { return inclusion(0, tree_size); },
           .taken = {1, size},
           .refused = {{"FIELD_INVALID", negative}, {"PROOF_INVALID", {0, size + 1, INT64_MAX}}}},
          {.field = "TransparencyLogService/GetConsistencyProof first_size",
           .call = [=](int64_t first) { return consistency(first, size); },
           .taken = {0, 1, size},
           .refused = {{"FIELD_INVALID", negative}, {"PROOF_INVALID", {size + 1, INT64_MAX}}}},
          {.field = "TransparencyLogService/GetConsistencyProof second_size",
           .call = [=](int64_t second) { return consistency(1, second); },
           .taken = {1, size},
           .refused = {{"FIELD_INVALID", negative}, {"PROOF_INVALID", {0, size + 1, INT64_MAX}}}}};
}

// Takes a field of a measurement by its setter.
Real MeasurementRow(const Ground& ground, const std::string& name,
                    const std::function<void(v1::Measurement&, double)>& set) {
  return {.field = absl::StrCat("PredictionService/ReportMeasurement measurement.", name),
          .call =
              [&ground, set](double value) {
                v1::Measurement measurement = Ground::Measured(4, 3);
                set(measurement, value);
                return ground.Report(ground.members[0], measurement);
              },
          .taken = {1e-6, 100},
          .refused = {{"MEASUREMENT_INVALID",
                       {0, kTiny, 9.9e-7, std::nextafter(100.0, 101.0), 101, -1, kLeast, kNan,
                        kInfinity, -kInfinity}}}};
}

// The entry of a measurement's row that is tested, the others of its figures being good.
v1::DomainLosses& Row0(v1::Measurement& measurement) {
  v1::DomainLosses& losses = *measurement.add_row();
  losses.set_domain("legal");
  losses.set_base_loss(4);
  losses.set_own_loss(3);
  losses.set_tokens(1000);
  losses.set_text_sha256(Sha256Of("text").Hex());
  return losses;
}

std::vector<Real> LossRows(const Ground& ground) {
  std::vector<Real> rows = {
      MeasurementRow(ground, "base_loss", [](auto& m, double v) { m.set_base_loss(v); }),
      MeasurementRow(ground, "own_loss", [](auto& m, double v) { m.set_own_loss(v); }),
      MeasurementRow(ground, "row.base_loss", [](auto& m, double v) { Row0(m).set_base_loss(v); }),
      MeasurementRow(ground, "row.own_loss", [](auto& m, double v) { Row0(m).set_own_loss(v); }),
      MeasurementRow(ground, "row.improvement_standard_error",
                     [](auto& m, double v) { Row0(m).set_improvement_standard_error(v); }),
      MeasurementRow(ground, "improvement_standard_error",
                     [](auto& m, double v) { m.set_improvement_standard_error(v); })};
  for (Real& row : rows) {
    if (!absl::EndsWith(row.field, "standard_error")) continue;
    row.taken = {0, kTiny, 100};
    row.refused = {
        {"MEASUREMENT_INVALID",
         {-kTiny, -1, std::nextafter(100.0, 101.0), 101, kLeast, kNan, kInfinity, -kInfinity}}};
  }
  for (const char* field : {"base_loss", "own_loss"}) {
    rows.push_back({.field = absl::StrCat("PredictionService/ForecastWhatIf planned.", field),
                    .call =
                        [&ground, base = absl::string_view(field) == "base_loss"](double value) {
                          v1::ForecastWhatIfRequest request;
                          request.set_parent(kParent);
                          v1::PlannedMember& planned = *request.add_planned();
                          planned.set_domain("welsh");
                          planned.set_base_loss(base ? value : 4);
                          planned.set_own_loss(base ? 3 : value);
                          const auto stub =
                              v1::PredictionService::NewStub(ground.members[1].channel);
                          return CallUnary(ground.address, *stub, &Prediction::ForecastWhatIf,
                                           request, {.attempts = 1})
                              .status();
                        },
                    .taken = {1e-6, 100},
                    .refused = {{"WHAT_IF_INVALID",
                                 {0, -0.0, kTiny, 9.9e-7, std::nextafter(100.0, 101.0), 101, -1,
                                  kLeast, kNan, kInfinity, -kInfinity}}}});
  }
  return rows;
}

std::vector<Whole> CountRows(const Ground& ground) {
  const auto report = [&ground](const std::function<void(v1::Measurement&)>& change) {
    v1::Measurement measurement = Ground::Measured(4, 3);
    change(measurement);
    return ground.Report(ground.members[0], measurement);
  };
  return {{.field = "PredictionService/ReportMeasurement measurement.held_out_tokens",
           .call = [=](int64_t v) { return report([v](auto& m) { m.set_held_out_tokens(v); }); },
           .taken = {1, INT64_MAX},
           .refused = {{"MEASUREMENT_INVALID", {0, -1, INT64_MIN}}}},
          {.field = "PredictionService/ReportMeasurement measurement.row.tokens",
           .call = [=](int64_t v) { return report([v](auto& m) { Row0(m).set_tokens(v); }); },
           .taken = {1, INT64_MAX},
           .refused = {{"MEASUREMENT_INVALID", {0, -1, INT64_MIN}}}},
          {.field = "PredictionService/ReportMeasurement measurement.steps",
           .call = [=](int64_t v) { return report([v](auto& m) { m.set_steps(v); }); },
           .taken = {0, INT64_MAX},
           .refused = {{"MEASUREMENT_INVALID", {-1, INT64_MIN}}}}};
}

bool IsNumber(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_BOOL:
    case pb::FieldDescriptor::CPPTYPE_STRING:
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return false;
    default:
      return true;
  }
}

void CollectNumbers(const pb::Descriptor& message, const std::string& prefix,
                    std::set<std::string>& fields) {
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    const std::string path = absl::StrCat(prefix, field.name());
    if (IsNumber(field)) fields.insert(path);
    if (field.message_type() != nullptr) {
      CollectNumbers(*field.message_type(), absl::StrCat(path, "."), fields);
    }
  }
}

// "Service/Method path.of.field" of every request of every service.
std::set<std::string> RequestNumbers() {
  std::set<std::string> fields;
  int services = 0;
  for (const char* file : {"checkpoint", "cooperative", "enrollment", "fusion", "inference",
                           "operations", "prediction", "submission", "transparency"}) {
    const pb::FileDescriptor* const descriptor =
        pb::DescriptorPool::generated_pool()->FindFileByName(
            absl::StrCat("kalavai/v1/", file, ".proto"));
    INFO(file);
    REQUIRE(descriptor != nullptr);
    for (int s = 0; s < descriptor->service_count(); ++s) {
      const pb::ServiceDescriptor& service = *descriptor->service(s);
      ++services;
      for (int m = 0; m < service.method_count(); ++m) {
        const pb::MethodDescriptor& method = *service.method(m);
        CollectNumbers(*method.input_type(), absl::StrCat(service.name(), "/", method.name(), " "),
                       fields);
      }
    }
  }
  CHECK(services == 9);
  return fields;
}

// What the server writes and never reads: the resource's message is the request's, too.
bool IsOutputOnly(const std::string& field) {
  for (const char* prefix :
       {"CooperativeAdmin/CreateCooperative cooperative.state",
        "CooperativeAdmin/CreateCooperative cooperative.base_files.",
        "CooperativeAdmin/CreateCooperative cooperative.create_time.",
        "CooperativeAdmin/CreateCooperative cooperative.launch_time.",
        "FusionService/CreateFusion fusion.state", "FusionService/CreateFusion fusion.progress_",
        "FusionService/CreateFusion fusion.result.",
        "FusionService/CreateFusion fusion.create_time.",
        "FusionService/CreateFusion fusion.end_time.",
        "PredictionService/ReportMeasurement measurement.report_time."}) {
    if (absl::StartsWith(field, prefix)) return true;
  }
  return false;
}

// CheckFusionFields and CheckGenerationFields of fusion_rpc_test.cc.
const char* const kTestedWithModels[] = {"FusionService/CreateFusion fusion.mixture",
                                         "FusionService/CreateFusion fusion.seed",
                                         "FusionService/CreateFusion fusion.steps",
                                         "InferenceService/Generate output_tokens_max",
                                         "InferenceService/Generate seed",
                                         "InferenceService/Generate temperature",
                                         "InferenceService/Generate top_p",
                                         "InferenceService/StreamGenerate output_tokens_max",
                                         "InferenceService/StreamGenerate seed",
                                         "InferenceService/StreamGenerate temperature",
                                         "InferenceService/StreamGenerate top_p"};

TEST_CASE("Every number of every request is taken at its bounds and refused beyond") {
  Ground ground;
  std::set<std::string> tested(std::begin(kTestedWithModels), std::end(kTestedWithModels));
  for (const Whole& row : PageRows(ground)) Check(row, tested);
  for (const Whole& row : CharterRows(ground)) Check(row, tested);
  for (const Whole& row : TextRows(ground)) Check(row, tested);
  for (const Whole& row : RangeRows(ground)) Check(row, tested);
  for (const Whole& row : CountRows(ground)) Check(row, tested);
  for (const Real& row : LossRows(ground)) Check(row, tested);
  CheckUploads(ground, tested);
  for (const Whole& row : LogRows(ground)) Check(row, tested);
  std::set<std::string> fields;
  for (const std::string& field : RequestNumbers()) {
    if (!IsOutputOnly(field)) fields.insert(field);
  }
  CHECK(tested == fields);
}

TEST_CASE("What a request says of the server's own numbers is not read") {
  Ground ground;
  const auto extreme = [](pb::Timestamp& time) {
    time.set_seconds(INT64_MIN);
    time.set_nanos(INT32_MAX);
  };
  REQUIRE_OK(ground.Found([&](v1::Cooperative& c) {
    c.set_state(static_cast<v1::Cooperative::State>(INT32_MIN));
    c.add_base_files()->set_size_bytes(INT64_MIN);
    extreme(*c.mutable_create_time());
    extreme(*c.mutable_launch_time());
  }));
  v1::GetCooperativeRequest get;
  get.set_name("cooperatives/c1");
  const auto stub = v1::CooperativeAdmin::NewStub(ground.admin);
  REQUIRE_OK_AND_ASSIGN(const v1::Cooperative founded,
                        CallUnary(ground.address, *stub, &Admin::GetCooperative, get));
  CHECK(founded.state() == v1::Cooperative::DRAFT);
  CHECK(founded.base_files_size() == 0);
  CHECK(founded.create_time().seconds() > 0);
  CHECK_FALSE(founded.has_launch_time());
  v1::Measurement measurement = Ground::Measured(4, 3);
  extreme(*measurement.mutable_report_time());
  REQUIRE_OK(ground.Report(ground.members[0], measurement));
}

}  // namespace
}  // namespace kalavai::testing
