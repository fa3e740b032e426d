#include "coordinator/checkpoint/checkpoint_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"
#include "coordinator/checkpoint/file_stream.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {

absl::StatusOr<CheckpointRow> CheckpointService::Find(const Caller& caller,
                                                      const std::string& name) const {
  ASSIGN_OR_RETURN(const ChildName parsed, ParseCheckpointName(name));
  RETURN_IF_ERROR(caller.RequireCooperative(parsed.cooperative));
  ASSIGN_OR_RETURN(std::optional<CheckpointRow> row,
                   checkpoints_.Find(parsed.cooperative, parsed.id));
  if (row.has_value()) return *std::move(row);
  return MakeError(absl::StatusCode::kFailedPrecondition, "BASE_CHECKPOINT_MISSING",
                   {.what = absl::StrCat(name, ": not found; must have been imported"),
                    .fix = "kalavai-coordinator base import DIRECTORY"});
}

grpc::ServerUnaryReactor* CheckpointService::GetCheckpoint(grpc::CallbackServerContext* context,
                                                           const v1::GetCheckpointRequest* request,
                                                           v1::Checkpoint* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(const CheckpointRow row, Find(caller, request->name()));
    response->set_name(CheckpointName(row.cooperative, row.id));
    response->set_root_digest(row.root_digest.Hex());
    response->set_signature(row.signature);
    for (const CheckpointFileRow& file : row.files) {
      v1::FileDigest& added = *response->add_files();
      added.set_path(file.path);
      added.set_size_bytes(file.size_bytes);
      added.set_sha256(file.digest.Hex());
    }
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, resolver_, "CheckpointDistributionService/GetCheckpoint",
                     body);
}

grpc::ServerWriteReactor<v1::ReadFileResponse>* CheckpointService::ReadFile(
    grpc::CallbackServerContext* context, const v1::ReadFileRequest* request) {
  RequestLog log("CheckpointDistributionService/ReadFile");
  const auto range = [&]() -> absl::StatusOr<FileStream::Range> {
    ASSIGN_OR_RETURN(const Caller caller, resolver_.Resolve(*context, *request));
    log.SetCaller(caller);
    ASSIGN_OR_RETURN(const CheckpointRow row, Find(caller, request->name()));
    const CheckpointFileRow* const file = row.Find(request->path());
    if (file == nullptr) {
      return MakeError(
          absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
          {.what = absl::StrCat("path: \"", absl::CHexEscape(request->path().substr(0, 100)),
                                "\" found; must be a file of ", request->name()),
           .fix = "GetCheckpoint lists the files"});
    }
    return ResolveRange(file->digest, file->size_bytes, request->read_offset(),
                        request->read_limit());
  }();
  return new FileStream(std::move(log), blobs_, range);
}

}  // namespace kalavai::coordinator
