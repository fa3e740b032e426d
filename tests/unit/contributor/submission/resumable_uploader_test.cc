// Goal: the uploader goes on after what passes by itself, and stops at what does not.
// Method: a table of statuses as a coordinator or the network gives them, and a coordinator in this
// process that answers with an upload of its choice. The transfer itself:
// tests/integration/submission_test.cc.
#include "contributor/submission/resumable_uploader.h"

#include <filesystem>
#include <functional>
#include <memory>

#include <grpcpp/grpcpp.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

TEST_CASE("Each kind of break is either resumed or final", "[contributor]") {
  struct Case {
    absl::StatusCode code;
    const char* reason;
    bool resumable;
  };
  const Case cases[] = {
      {absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE", true},
      {absl::StatusCode::kUnavailable, "COORDINATOR_NOT_TRUSTED", false},
      {absl::StatusCode::kUnavailable, "SHUTTING_DOWN", true},
      {absl::StatusCode::kAborted, "UPLOAD_BUSY", true},
      {absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH", true},
      {absl::StatusCode::kDataLoss, "DIGEST_MISMATCH", true},
      {absl::StatusCode::kInternal, "INTERNAL", true},
      {absl::StatusCode::kDeadlineExceeded, "COORDINATOR_UNREACHABLE", true},
      {absl::StatusCode::kCancelled, "", true},
      {absl::StatusCode::kCancelled, "INTERRUPTED", false},
      {absl::StatusCode::kResourceExhausted, "QUEUE_FULL", true},
      {absl::StatusCode::kResourceExhausted, "DISK_FULL", false},
      {absl::StatusCode::kResourceExhausted, "TOO_MANY_UPLOADS", false},
      {absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED", false},
      {absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH", false},
      {absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH", false},
      {absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND", false},
      {absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED", false},
  };
  for (const Case& broken : cases) {
    INFO(absl::StatusCodeToString(broken.code) << " " << broken.reason);
    CHECK(IsResumable(MakeError(broken.code, broken.reason, {.what = "broken"})) ==
          broken.resumable);
  }
}

class LyingCoordinator : public v1::SubmissionService::Service {
 public:
  v1::Upload answer;
  int64_t received = 0;

  grpc::Status StartUpload(grpc::ServerContext*, const v1::StartUploadRequest*,
                           v1::Upload* upload) override {
    *upload = answer;
    return grpc::Status::OK;
  }
  grpc::Status WriteUpload(grpc::ServerContext*, grpc::ServerReader<v1::WriteUploadRequest>* reader,
                           v1::Upload* upload) override {
    v1::WriteUploadRequest message;
    while (reader->Read(&message)) received += static_cast<int64_t>(message.data().size());
    *upload = answer;
    upload->set_complete(true);
    return grpc::Status::OK;
  }
};

TEST_CASE("An upload of another file than was offered is not begun", "[contributor]") {
  const testing::TempDir temp;
  std::filesystem::create_directory(temp.File("built"));
  testing::WriteFile(temp.File("built/model.safetensors"), "weights");
  testing::WriteFile(temp.File("secret"), "secret!");
  std::filesystem::create_symlink(temp.File("secret"), temp.File("built/link"));
  const BuiltFile file = {
      .path = "model.safetensors", .size_bytes = 7, .digest = Sha256Of("weights")};
  struct Case {
    std::function<void(v1::Upload&)> change;
    const char* reason;
  };
  const Case cases[] = {
      {[](v1::Upload& u) { u.mutable_file()->set_path("../secret"); }, "FILE_NOT_OFFERED"},
      {[](v1::Upload& u) { u.mutable_file()->set_size_bytes(6); }, "FILE_NOT_OFFERED"},
      {[](v1::Upload& u) { u.mutable_file()->set_sha256("00"); }, "FILE_NOT_OFFERED"},
      {[](v1::Upload& u) { u.clear_file(); }, "FILE_NOT_OFFERED"},
      {[](v1::Upload& u) { u.set_persisted_size_bytes(-1); }, "SIZE_MISMATCH"},
      {[](v1::Upload& u) { u.set_persisted_size_bytes(8); }, "SIZE_MISMATCH"},
  };
  LyingCoordinator coordinator;
  grpc::ServerBuilder builder;
  builder.RegisterService(&coordinator);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = v1::SubmissionService::NewStub(server->InProcessChannel({}));
  ResumableUploader uploader(*stub, "in process");
  const auto send = [&](const BuiltFile& built) {
    coordinator.answer.mutable_file()->set_path(built.path);
    coordinator.answer.mutable_file()->set_size_bytes(built.size_bytes);
    coordinator.answer.mutable_file()->set_sha256(built.digest.Hex());
    return uploader.Send("cooperatives/x/submissions/y", built, temp.File("built"), [](int64_t) {});
  };
  for (const Case& lie : cases) {
    coordinator.answer = {};
    coordinator.answer.mutable_file()->set_path(file.path);
    coordinator.answer.mutable_file()->set_size_bytes(file.size_bytes);
    coordinator.answer.mutable_file()->set_sha256(file.digest.Hex());
    lie.change(coordinator.answer);
    const absl::Status status =
        uploader.Send("cooperatives/x/submissions/y", file, temp.File("built"), [](int64_t) {});
    INFO(coordinator.answer.ShortDebugString() << " -> " << status);
    CHECK(GetErrorReason(status) == lie.reason);
    CHECK(coordinator.received == 0);
  }
  coordinator.answer = {};
  BuiltFile link = file;
  link.path = "link";
  CHECK_FALSE(send(link).ok());
  CHECK(coordinator.received == 0);
  REQUIRE_OK(send(file));
  CHECK(coordinator.received == 7);
}

}  // namespace
}  // namespace kalavai::contributor
