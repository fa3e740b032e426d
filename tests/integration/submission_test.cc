// Goal: a member gets from an invitation to an admitted, receipted submission with the commands it
// types, and no break or bad caller harms an upload.
// Method: a real coordinator with TLS in this process, the real commands, a specialist made by
// moving some weights of a tiny base; restarts between chunks, wrong offsets, damaged chunks, two
// writers, somebody else's submission.
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "nlohmann/json.hpp"

#include "common/cli/program.h"
#include "common/crypto/model_signature.h"
#include "common/crypto/sha256.h"
#include "common/rpc/channel.h"
#include "common/rpc/status_conversion.h"
#include "common/safetensors/reader.h"
#include "common/safetensors/writer.h"
#include "contributor/checkpoint/fetch_command.h"
#include "contributor/join/join_command.h"
#include "contributor/status/status_command.h"
#include "contributor/submission/resumable_uploader.h"
#include "contributor/submission/submit_command.h"
#include "contributor/withdrawal/withdraw_command.h"
#include "contributor/workspace.h"
#include "kalavai/v1/cooperative.grpc.pb.h"
#include "kalavai/v1/submission.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/finalize_submission.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using testing::InProcessCoordinator;
using testing::Member;
using testing::TempDir;

constexpr char kParent[] = "cooperatives/nordic";

// The exit code of one typed command.
int Type(const std::vector<std::string>& words, const char* format = "json") {
  std::vector<const char*> argv = {"kalavai", "--format", format};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return RunProgram({.name = "kalavai", .summary = "", .details = "", .groups = {}},
                    {contributor::MakeJoinCommand(), contributor::MakeFetchCommand(),
                     contributor::MakeSubmitCommand(), contributor::MakeStatusCommand(),
                     contributor::MakeWithdrawCommand()},
                    static_cast<int>(argv.size()), argv.data());
}

// What a command that succeeds prints.
std::string Read(const std::vector<std::string>& words, const char* format = "human") {
  std::ostringstream out;
  std::streambuf* const old = std::cout.rdbuf(out.rdbuf());
  const int code = Type(words, format);
  std::cout.rdbuf(old);
  REQUIRE(code == 0);
  return out.str();
}
nlohmann::json Ask(const std::vector<std::string>& words) {
  return nlohmann::json::parse(Read(words, "json"));
}

struct Ground {
  Ground() {
    fs::create_directory(temp.File("base"));
    testing::WriteTinyBase(temp.File("base"), 1);
    coordinator.LaunchCooperative("nordic", {"legal", "medical"}, temp.File("base"));
  }

  // The base with every value of one tensor scaled by `factor`, as training would leave it.
  void WriteSpecialist(const contributor::Workspace& workspace, float factor) {
    fs::create_directories(workspace.SpecialistDirectory());
    const std::string base = workspace.BaseDirectory();
    fs::copy_file(base + "/config.json", workspace.SpecialistDirectory() + "/config.json",
                  fs::copy_options::overwrite_existing);
    auto file = SafetensorsFile::Open(base + "/model.safetensors", SafetensorsMode::kFormat);
    REQUIRE_OK(file);
    std::vector<TensorView> tensors;
    std::vector<float> changed;
    for (const TensorInfo& info : file->header().tensors()) {
      tensors.push_back(
          {std::string(info.name), info.dtype, info.shape.Signed(), file->Bytes(info)});
      if (info.name != "embed_out.weight") continue;
      REQUIRE(info.dtype == Dtype::kF32);
      changed.resize(static_cast<size_t>(info.ElementCount()));
      std::memcpy(changed.data(), file->Bytes(info).data(), file->Bytes(info).size());
      for (float& value : changed) value *= factor;
      tensors.back().bytes = std::as_bytes(std::span(changed));
    }
    REQUIRE_FALSE(changed.empty());
    REQUIRE_OK(WriteSafetensors(workspace.SpecialistDirectory() + "/model.safetensors", tensors));
  }

  // Joins, fetches and has a trained specialist.
  contributor::Workspace Ready(const std::string& id, const std::string& domain, float factor,
                               double own_loss) {
    const contributor::Workspace workspace(temp.File(id));
    REQUIRE(Type({"join", coordinator.Invite("nordic", id, domain), "--workspace",
                  workspace.root()}) == 0);
    REQUIRE(Type({"fetch", "--workspace", workspace.root()}) == 0);
    WriteSpecialist(workspace, factor);
    REQUIRE_OK(workspace.SaveTrainingReport({.base_loss = 4.0,
                                             .own_loss = own_loss,
                                             .held_out_tokens = 1000,
                                             .steps = 100,
                                             .pilot = false}));
    return workspace;
  }

  TempDir temp;
  InProcessCoordinator coordinator;
};

size_t FilesIn(const std::string& directory) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(directory)) ++count;
  return count;
}

TEST_CASE("A member types join, fetch, submit and is admitted, once", "[integration]") {
  Ground ground;
  const contributor::Workspace workspace = ground.Ready("st-mary", "medical", 1.01F, 3.4);
  const std::vector<std::string> at = {"--workspace", workspace.root()};
  CHECK(Type({"join", ground.coordinator.Invite("nordic", "st-john", "legal"), at[0], at[1]}) == 1);
  CHECK(Type({"submit", "--dry-run", at[0], at[1]}) == 0);
  CHECK_FALSE(fs::exists(workspace.SubmissionDirectory()));
  CHECK(FilesIn(workspace.EgressDirectory()) == 0);  // nothing left, nothing to list
  CHECK(Type({"submit", at[0], at[1]}) == 0);
  CHECK(FilesIn(workspace.ReceiptsDirectory()) == 1);
  CHECK(FilesIn(workspace.EgressDirectory()) == 1);
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(workspace.SubmissionDirectory())) {
    // What the coordinator has from the base already is not sent.
    const std::string base = workspace.BaseDirectory() + "/" + entry.path().filename().string();
    if (fs::exists(base) && testing::ReadFile(base) == testing::ReadFile(entry.path().string())) {
      continue;
    }
    bytes += static_cast<int64_t>(entry.file_size());
  }
  const auto metric = [&](const char* series) { return ground.coordinator.Metric(series); };
  CHECK(metric("kalavai_upload_received_bytes_total") == static_cast<double>(bytes));
  CHECK(metric(R"(kalavai_submissions_total{reason="",state="admitted"})") == 1);
  CHECK(Type({"submit", at[0], at[1]}) == 0);  // again: the verdict, and no byte more
  CHECK(FilesIn(workspace.EgressDirectory()) == 1);
  CHECK(Type({"status", at[0], at[1]}) == 0);
  CHECK(Type({"withdraw", "--yes", at[0], at[1]}) == 0);
  CHECK(Type({"submit", at[0], at[1]}) == 1);  // the certificate is revoked
}

TEST_CASE("Who leaves is erased, although another member declared the same weights",
          "[integration]") {
  Ground ground;
  const contributor::Workspace carol = ground.Ready("carol", "medical", 1.01F, 3.4);
  REQUIRE(Type({"submit", "--workspace", carol.root()}) == 0);
  const std::string weights = testing::ReadFile(carol.SubmissionDirectory() + "/model.safetensors");
  const std::string digest = Sha256Of(weights).Hex();
  const std::string blob =
      absl::StrCat(ground.coordinator.data(), "/blobs/sha256/", digest.substr(0, 2), "/", digest);
  REQUIRE(fs::exists(blob));
  // frank says he will send the very bytes, and is killed before the first one.
  const Member frank = ground.coordinator.Enroll("nordic", "frank", "legal");
  const auto stub = v1::SubmissionService::NewStub(frank.channel);
  v1::CreateSubmissionRequest create;
  create.set_parent(kParent);
  v1::Submission submission;
  grpc::ClientContext creating;
  REQUIRE_OK(FromGrpcStatus(stub->CreateSubmission(&creating, create, &submission)));
  v1::DeclareFilesRequest declare;
  declare.set_name(submission.name());
  for (const char* name : {"config.json", "divergence.json", "model.sig", "privacy.json",
                           "submission.json", "tokenizer.json", "model.safetensors"}) {
    const std::string content = name == std::string("model.safetensors") ? weights : "{}";
    v1::FileDigest* const file = declare.add_files();
    file->set_path(name);
    file->set_size_bytes(static_cast<int64_t>(content.size()));
    file->set_sha256(Sha256Of(content).Hex());
  }
  grpc::ClientContext declaring;
  v1::DeclareFilesResponse declared;
  REQUIRE_OK(FromGrpcStatus(stub->DeclareFiles(&declaring, declare, &declared)));
  const nlohmann::json left = Ask({"withdraw", "--yes", "--workspace", carol.root()});
  CHECK_FALSE(fs::exists(blob));
  CHECK(left["erased"] == true);
  CHECK(left["not_deleted"].empty());
  ground.coordinator.Restart();
  CHECK_FALSE(fs::exists(blob));
  // frank declared seven files and sent none: none is deleted.
  v1::WithdrawContributorRequest withdraw;
  withdraw.set_name(absl::StrCat(kParent, "/contributors/frank"));
  grpc::ClientContext leaving;
  v1::Contributor gone;
  REQUIRE_OK(FromGrpcStatus(
      ground.coordinator.Administrator()->WithdrawContributor(&leaving, withdraw, &gone)));
  CHECK(gone.withdrawal().files_deleted() == 0);
}

TEST_CASE("A member whom an administrator withdrew is told how to get its receipt",
          "[integration]") {
  Ground ground;
  const contributor::Workspace workspace = ground.Ready("st-mary", "medical", 1.01F, 3.4);
  REQUIRE(Type({"submit", "--workspace", workspace.root()}) == 0);
  v1::WithdrawContributorRequest withdraw;
  withdraw.set_name(absl::StrCat(kParent, "/contributors/st-mary"));
  withdraw.set_comment("a letter");
  grpc::ClientContext context;
  v1::Contributor gone;
  REQUIRE_OK(FromGrpcStatus(
      ground.coordinator.Administrator()->WithdrawContributor(&context, withdraw, &gone)));
  const nlohmann::json status = Ask({"status", "--workspace", workspace.root()});
  CHECK(status["next"].get<std::string>().find("kalavai withdraw") == 0);
  CHECK(Type({"withdraw", "--yes", "--comment", "\xff", "--workspace", workspace.root()}) == 1);
  CHECK(Ask({"withdraw", "--yes", "--workspace", workspace.root()})["erased"] == true);
  const std::string text = Read({"withdraw", "--yes", "--workspace", workspace.root()});
  CHECK(text.find("st-mary  WITHDRAWN and erased\n") != std::string::npos);
  CHECK(text.find("fused again") == std::string::npos);  // there never was a model
  CHECK(Ask({"status", "--workspace", workspace.root()})["next"].get<std::string>().find(
            "nothing: this member has left") == 0);
}

TEST_CASE("A specialist worse than the base is quarantined and exits with 1", "[integration]") {
  Ground ground;
  const contributor::Workspace workspace = ground.Ready("st-mary", "medical", 1.01F, 4.2);
  CHECK(Type({"submit", "--workspace", workspace.root()}) == 1);
  CHECK(FilesIn(workspace.ReceiptsDirectory()) == 1);
  CHECK(ground.coordinator.Metric(
            R"(kalavai_submissions_total{reason="DIVERGENCE_NEGATIVE",state="quarantined"})") == 1);
}

TEST_CASE("A base changed after it was fetched is not built upon silently", "[integration]") {
  Ground ground;
  const contributor::Workspace workspace = ground.Ready("st-mary", "medical", 1.01F, 3.4);
  const std::string path = workspace.BaseDirectory() + "/config.json";
  const std::string config = testing::ReadFile(path);
  fs::permissions(path, fs::perms::owner_all);
  testing::WriteFile(path, config + " ");
  CHECK(Type({"fetch", "--workspace", workspace.root()}) == 0);  // fetched anew
  CHECK(testing::ReadFile(path) == config);
}

// One member at the level of calls, with one file of `bytes` declared.
struct Upload {
  Upload(Ground& ground_in, int64_t bytes)
      : ground(ground_in), member(ground.coordinator.Enroll("nordic", "st-mary", "medical")) {
    Connect();
    grpc::ClientContext context;
    v1::CreateSubmissionRequest create;
    create.set_parent(kParent);
    REQUIRE(stub->CreateSubmission(&context, create, &submission).ok());
    for (int64_t i = 0; i < bytes; ++i) content.push_back(static_cast<char>(i * 7 % 251));
    v1::DeclareFilesRequest declare;
    declare.set_name(submission.name());
    for (const char* name : {"config.json", "divergence.json", "model.sig", "privacy.json",
                             "submission.json", "tokenizer.json"}) {
      Add(declare, name, "{}");
    }
    Add(declare, "model.safetensors", content);
    grpc::ClientContext declaring;
    v1::DeclareFilesResponse declared;
    REQUIRE(stub->DeclareFiles(&declaring, declare, &declared).ok());
    CHECK(declared.missing_files_size() == 7);
    v1::StartUploadRequest start;
    start.set_parent(submission.name());
    start.set_path("model.safetensors");
    grpc::ClientContext starting;
    REQUIRE(stub->StartUpload(&starting, start, &upload).ok());
  }

  static void Add(v1::DeclareFilesRequest& declare, const char* name, const std::string& bytes) {
    v1::FileDigest* const file = declare.add_files();
    file->set_path(name);
    file->set_size_bytes(static_cast<int64_t>(bytes.size()));
    file->set_sha256(Sha256Of(bytes).Hex());
  }

  void Connect() {
    stub = v1::SubmissionService::NewStub(ground.coordinator.MemberChannel(member));
  }

  v1::WriteUploadRequest Chunk(int64_t offset, int64_t length) const {
    v1::WriteUploadRequest message;
    message.set_name(upload.name());
    message.set_write_offset(offset);
    message.set_data(content.substr(static_cast<size_t>(offset), static_cast<size_t>(length)));
    message.set_chunk_sha256(std::string(Sha256Of(message.data()).bytes()));
    return message;
  }

  // Writes these messages in one stream.
  absl::Status Write(const std::vector<v1::WriteUploadRequest>& messages) {
    grpc::ClientContext context;
    const auto writer = stub->WriteUpload(&context, &upload);
    for (const auto& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return FromGrpcStatus(writer->Finish());
  }

  int64_t Persisted() {
    v1::GetUploadRequest request;
    request.set_name(upload.name());
    grpc::ClientContext context;
    v1::Upload now;
    REQUIRE(stub->GetUpload(&context, request, &now).ok());
    return now.persisted_size_bytes();
  }

  Ground& ground;
  Member member;
  std::unique_ptr<v1::SubmissionService::Stub> stub;
  v1::Submission submission;
  v1::Upload upload;
  std::string content;
};

TEST_CASE("An upload goes on where it stopped when the coordinator restarts", "[integration]") {
  Ground ground;
  Upload file(ground, 5000);
  REQUIRE_OK(file.Write({file.Chunk(0, 1000), file.Chunk(1000, 1000)}));
  CHECK(file.Persisted() == 2000);
  ground.coordinator.Restart();
  file.Connect();
  CHECK(file.Persisted() == 2000);
  REQUIRE_STATUS(file.Write({file.Chunk(1000, 1000)}), absl::StatusCode::kOutOfRange,
                 "OFFSET_MISMATCH");
  CHECK(file.Persisted() == 2000);
  fs::create_directory(ground.temp.File("sent"));
  testing::WriteFile(ground.temp.File("sent/model.safetensors"), file.content);
  contributor::ResumableUploader uploader(*file.stub, "coordinator");
  std::vector<int64_t> sent;
  REQUIRE_OK(uploader.Send(file.submission.name(),
                           {.path = "model.safetensors",
                            .size_bytes = static_cast<int64_t>(file.content.size()),
                            .digest = Sha256Of(file.content)},
                           ground.temp.File("sent"),
                           [&](int64_t bytes) { sent.push_back(bytes); }));
  REQUIRE_FALSE(sent.empty());
  CHECK(sent.front() == 2000);
  CHECK(sent.back() == 5000);
  CHECK(file.Persisted() == 5000);
  v1::WriteUploadRequest finish;
  finish.set_name(file.upload.name());
  finish.set_finish_write(true);
  REQUIRE_OK(file.Write({finish}));  // repeated: harmless
}

TEST_CASE("A damaged chunk and a wrong offset change nothing", "[integration]") {
  Ground ground;
  Upload file(ground, 3000);
  v1::WriteUploadRequest damaged = file.Chunk(0, 1000);
  (*damaged.mutable_data())[10] = static_cast<char>(damaged.data()[10] ^ 1);
  REQUIRE_STATUS(file.Write({damaged}), absl::StatusCode::kDataLoss, "DIGEST_MISMATCH");
  REQUIRE_STATUS(file.Write({file.Chunk(500, 500)}), absl::StatusCode::kOutOfRange,
                 "OFFSET_MISMATCH");
  CHECK(file.Persisted() == 0);
  REQUIRE_OK(file.Write({file.Chunk(0, 1000)}));
  CHECK(file.Persisted() == 1000);
}

// Declares, sends and finalises a submission whose weights are `bytes` that are no model.
void SubmitRubbish(Ground& ground, const Member& member, int number, size_t bytes) {
  const auto stub = v1::SubmissionService::NewStub(member.channel);
  v1::CreateSubmissionRequest create;
  create.set_parent(kParent);
  v1::Submission submission;
  grpc::ClientContext creating;
  REQUIRE_OK(FromGrpcStatus(stub->CreateSubmission(&creating, create, &submission)));
  contributor::ResumableUploader uploader(*stub, "coordinator");
  // Declared twice: what came under the first declaration must not stay either.
  for (const char* round : {"first", "second"}) {
    v1::DeclareFilesRequest declare;
    declare.set_name(submission.name());
    for (const char* name : {"config.json", "divergence.json", "model.sig", "privacy.json",
                             "submission.json", "tokenizer.json"}) {
      Upload::Add(declare, name, absl::StrCat("{}", number));
    }
    const std::string weights = absl::StrCat(round, number, std::string(bytes, 'w'));
    Upload::Add(declare, "model.safetensors", weights);
    grpc::ClientContext declaring;
    v1::DeclareFilesResponse declared;
    REQUIRE_OK(FromGrpcStatus(stub->DeclareFiles(&declaring, declare, &declared)));
    for (const v1::FileDigest& file : declared.missing_files()) {
      const std::string content =
          file.path() == "model.safetensors" ? weights : absl::StrCat("{}", number);
      fs::create_directories(ground.temp.File("sent"));
      testing::WriteFile(ground.temp.File("sent/" + file.path()), content);
      REQUIRE_OK(uploader.Send(
          submission.name(),
          {.path = file.path(), .size_bytes = file.size_bytes(), .digest = Sha256Of(content)},
          ground.temp.File("sent"), [](int64_t) {}));
    }
  }
  REQUIRE_OK_AND_ASSIGN(submission, testing::FinalizeAndWait(*stub, submission.name()));
  REQUIRE(submission.state() == v1::Submission::REJECTED);
}

size_t BytesBelow(const std::string& directory) {
  size_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

TEST_CASE("A member who is rejected again and again does not fill the disk", "[integration]") {
  Ground ground;
  const Member member = ground.coordinator.Enroll("nordic", "st-mary", "medical");
  const std::string blobs = ground.coordinator.data() + "/blobs";
  const size_t before = BytesBelow(blobs);
  constexpr size_t kWeights = 20'000;  // the most a specialist of this base may have is more
  for (int number = 1; number <= 20; ++number) SubmitRubbish(ground, member, number, kWeights);
  ground.coordinator.Stop();  // the last one's files go after its verdict
  const size_t after = BytesBelow(blobs);
  INFO(before << " bytes before, " << after << " after");
  CHECK(after > before);             // evidence
  CHECK(after < before + kWeights);  // not one of 40 files of weights
}

TEST_CASE("Two streams never write one upload", "[integration]") {
  Ground ground;
  Upload file(ground, 3000);
  grpc::ClientContext context;
  v1::Upload ignored;
  const auto first = file.stub->WriteUpload(&context, &ignored);
  REQUIRE(first->Write(file.Chunk(0, 1000)));
  // Whichever the coordinator reads first wins; the other is too late or one too many.
  const absl::Status second = file.Write({file.Chunk(0, 1000)});
  first->WritesDone();
  const absl::Status ended = FromGrpcStatus(first->Finish());
  INFO(second << " / " << ended);
  CHECK(second.ok() != ended.ok());
  const std::string reason = GetErrorReason(second.ok() ? ended : second);
  const bool refused = reason == "UPLOAD_BUSY" || reason == "OFFSET_MISMATCH";
  CHECK(refused);
  CHECK(file.Persisted() == 1000);
}

TEST_CASE("Who leaves while its upload runs gets no further", "[integration]") {
  Ground ground;
  Upload file(ground, 1000);
  grpc::ClientContext context;
  v1::Upload ignored;
  const auto writer = file.stub->WriteUpload(&context, &ignored);
  REQUIRE(writer->Write(file.Chunk(0, 500)));
  const auto admin = v1::CooperativeAdmin::NewStub(file.member.channel);
  v1::WithdrawContributorRequest leave;
  leave.set_name(file.member.name);
  grpc::ClientContext leaving;
  v1::Contributor left;
  REQUIRE(admin->WithdrawContributor(&leaving, leave, &left).ok());
  v1::WriteUploadRequest last = file.Chunk(500, 500);
  last.set_finish_write(true);
  writer->Write(last);
  writer->WritesDone();
  REQUIRE_STATUS(FromGrpcStatus(writer->Finish()), absl::StatusCode::kUnauthenticated,
                 "UNAUTHENTICATED");
}

TEST_CASE("Declared sizes that would overflow are refused", "[integration]") {
  Ground ground;
  Upload file(ground, 3000);
  for (const int64_t size : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    v1::DeclareFilesRequest declare;
    declare.set_name(file.submission.name());
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
      Upload::Add(declare, name, "{}");
      declare.mutable_files()->rbegin()->set_size_bytes(size);
    }
    grpc::ClientContext context;
    v1::DeclareFilesResponse declared;
    INFO(size);
    REQUIRE_STATUS(FromGrpcStatus(file.stub->DeclareFiles(&context, declare, &declared)),
                   absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH");
  }
}

TEST_CASE("A member finds neither another's submission nor its uploads", "[integration]") {
  Ground ground;
  Upload file(ground, 3000);
  const Member other = ground.coordinator.Enroll("nordic", "firm", "legal");
  const auto stub = v1::SubmissionService::NewStub(other.channel);
  v1::GetSubmissionRequest get;
  v1::Submission submission;
  for (const std::string& name :
       {file.submission.name(), absl::StrCat(kParent, "/submissions/x-1")}) {
    get.set_name(name);
    grpc::ClientContext context;
    REQUIRE_STATUS(FromGrpcStatus(stub->GetSubmission(&context, get, &submission)),
                   absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  }
  file.stub = v1::SubmissionService::NewStub(other.channel);
  REQUIRE_STATUS(file.Write({file.Chunk(0, 1000)}), absl::StatusCode::kPermissionDenied,
                 "PERMISSION_DENIED");
  v1::ListSubmissionsRequest list;
  list.set_parent(kParent);
  v1::ListSubmissionsResponse listed;
  grpc::ClientContext context;
  REQUIRE(stub->ListSubmissions(&context, list, &listed).ok());
  CHECK(listed.submissions_size() == 0);
  file.Connect();
  v1::FinalizeSubmissionRequest finalize;
  finalize.set_name(file.submission.name());
  grpc::ClientContext early;
  REQUIRE_STATUS(FromGrpcStatus(file.stub->FinalizeSubmission(&early, finalize, &submission)),
                 absl::StatusCode::kFailedPrecondition, "UPLOAD_INCOMPLETE");
}

}  // namespace
}  // namespace kalavai
