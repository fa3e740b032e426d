#include "contributor/checkpoint/base_download.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include <fcntl.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/crypto/model_signature.h"
#include "common/rpc/channel.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/retry.h"
#include "common/storage/atomic_file.h"
#include "common/storage/file_descriptor.h"
#include "kalavai/v1/checkpoint.grpc.pb.h"

namespace kalavai::contributor {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;

using Stub = v1::CheckpointDistributionService::Stub;

absl::Status BaseMismatch(absl::string_view found, absl::string_view want) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH",
                   {.what = absl::StrCat("base: root digest ", found, "; must be ", want,
                                         " as the charter says"),
                    .why = "specialists are comparable only when all descend from one base",
                    .fix = "do not use it; ask the launcher",
                    .metadata = {{"expected", std::string(want)}, {"actual", std::string(found)}}});
}

// The files of a checkpoint as its signature lists them, and as the charter names their root.
absl::StatusOr<v1::Checkpoint> GetVerifiedCheckpoint(Stub& stub,
                                                     const CoordinatorConnection& coordinator) {
  v1::GetCheckpointRequest request;
  request.set_name(CheckpointName(coordinator.membership.CooperativeId(), "base"));
  ASSIGN_OR_RETURN(v1::Checkpoint checkpoint,
                   CallUnary(coordinator.address(), stub, &Stub::GetCheckpoint, request));
  ASSIGN_OR_RETURN(const ModelManifest manifest,
                   VerifyBundle(checkpoint.signature(), coordinator.coordinator_key));
  const std::string& want = coordinator.membership.base_digest;
  if (manifest.root_digest.Hex() != want) return BaseMismatch(manifest.root_digest.Hex(), want);
  RETURN_IF_ERROR(CheckListedFiles(checkpoint, manifest).status());
  return checkpoint;
}

// Free space for what is still to come, as far as the coordinator tells the truth about it.
absl::Status CheckFreeSpace(const std::string& directory, int64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (error) return ErrnoError(error.value(), "statvfs", directory);
  if (static_cast<uintmax_t>(bytes) <= space.available) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted, "DISK_FULL",
      {.what = absl::StrCat(directory, ": ", space.available, " bytes free; must be at least ",
                            bytes, " for the base"),
       .fix = "free some space, or use a --workspace on another disk",
       .metadata = {{"free", absl::StrCat(space.available)}, {"needed", absl::StrCat(bytes)}}});
}

int64_t SizeOf(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

// What an earlier, interrupted download left.
int64_t HeldBytes(const v1::Checkpoint& checkpoint, const std::string& directory) {
  int64_t held = 0;
  for (const v1::FileDigest& file : checkpoint.files()) {
    held += std::min(SizeOf(absl::StrCat(directory, "/", file.path())), file.size_bytes());
  }
  return held;
}

class Download {
 public:
  Download(Stub& stub, std::string address, std::string checkpoint, std::string directory,
           int64_t total, absl::FunctionRef<void(int64_t, int64_t)> progress)
      : stub_(stub),
        address_(std::move(address)),
        checkpoint_(std::move(checkpoint)),
        directory_(std::move(directory)),
        total_(total),
        progress_(progress) {}

  int64_t received() const { return received_; }

  // Continues or checks one file; starts it anew once when its digest is wrong.
  absl::Status Fetch(const v1::FileDigest& file) {
    const std::string path = absl::StrCat(directory_, "/", file.path());
    ASSIGN_OR_RETURN(const Digest want, Digest::FromHex(file.sha256()));
    for (const bool last : {false, true}) {
      RETURN_IF_ERROR(Complete(file, path));
      ASSIGN_OR_RETURN(const Digest got, Sha256OfFile(path));
      if (got == want) {
        done_ += file.size_bytes();
        return absl::OkStatus();
      }
      std::error_code ignored;
      fs::remove(path, ignored);
      if (!last) continue;
      return MakeError(
          absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
          {.what = absl::StrCat(file.path(), ": digest ", got.Hex(), "; must be ", want.Hex()),
           .fix = "run 'kalavai fetch' again; if it repeats, the source is damaged",
           .metadata = {{"expected", want.Hex()}, {"actual", got.Hex()}}});
    }
    return absl::OkStatus();
  }

 private:
  // Reads until the file has its size, over as many streams as that takes.
  absl::Status Complete(const v1::FileDigest& file, const std::string& path) {
    if (SizeOf(path) > file.size_bytes()) {
      std::error_code error;
      fs::resize_file(path, 0, error);
      if (error) return ErrnoError(error.value(), "truncate", path);
    }
    int fruitless = 0;
    while (true) {
      ASSIGN_OR_RETURN(const FileDescriptor out,
                       FileDescriptor::Open(path, O_WRONLY | O_CREAT | O_APPEND, kPrivateFile));
      const int64_t before = SizeOf(path);
      if (before == file.size_bytes()) return absl::OkStatus();
      const absl::Status status = Stream(file, path, out, before);
      if (Interrupted()) return InterruptedError("run 'kalavai fetch' again");
      if (SizeOf(path) == file.size_bytes()) return absl::OkStatus();
      if (!status.ok() && !IsRetryable(status)) return status;
      fruitless = SizeOf(path) > before ? 0 : fruitless + 1;
      if (fruitless >= limits::kDownloadAttemptsMax) {
        return status.ok() ? absl::UnavailableError("the coordinator sends nothing") : status;
      }
      SleepBeforeRetry({}, fruitless);
    }
  }

  absl::Status Stream(const v1::FileDigest& file, const std::string& path,
                      const FileDescriptor& out, int64_t offset) {
    v1::ReadFileRequest request;
    request.set_name(checkpoint_);
    request.set_path(file.path());
    request.set_read_offset(offset);
    grpc::ClientContext context;
    const auto reader = stub_.ReadFile(&context, request);
    v1::ReadFileResponse piece;
    absl::Status local;
    while (local.ok() && reader->Read(&piece)) {
      offset += static_cast<int64_t>(piece.data().size());
      received_ += static_cast<int64_t>(piece.data().size());
      if (offset > file.size_bytes()) {
        local = absl::DataLossError(absl::StrCat(file.path(), ": longer than announced"));
      } else {
        local = out.WriteAll(piece.data(), path);
      }
      progress_(done_ + offset, total_);
      if (Interrupted()) local = InterruptedError("run 'kalavai fetch' again");
    }
    if (!local.ok()) context.TryCancel();
    const absl::Status remote = CallStatus(reader->Finish(), address_);
    return local.ok() ? remote : local;
  }

  Stub& stub_;
  const std::string address_;
  const std::string checkpoint_;
  const std::string directory_;
  const int64_t total_;
  absl::FunctionRef<void(int64_t, int64_t)> progress_;
  int64_t done_ = 0;
  int64_t received_ = 0;
};

}  // namespace

absl::StatusOr<int64_t> CheckListedFiles(const v1::Checkpoint& checkpoint,
                                         const ModelManifest& manifest) {
  std::map<std::string, Digest> digests;
  int64_t total = 0;
  for (const v1::FileDigest& file : checkpoint.files()) {
    RETURN_IF_ERROR(CheckResourceName(file.path()));
    if (absl::string_view(file.path()).find('/') != absl::string_view::npos) {
      return BaseMismatch(file.path(), "a flat directory");
    }
    // The signature covers the content, not what the list says about its size.
    if (file.size_bytes() < 0 || file.size_bytes() > limits::kBaseBytesMax - total) {
      return MakeError(absl::StatusCode::kInvalidArgument, "SIZE_MISMATCH",
                       {.what = absl::StrCat(file.path(), ": ", file.size_bytes(),
                                             " bytes found; must not be negative, nor all files "
                                             "together more than ",
                                             limits::kBaseBytesMax),
                        .why = "no checkpoint has such a size",
                        .fix = "do not go on; ask the launcher",
                        .metadata = {{"file", file.path()}}});
    }
    total += file.size_bytes();
    ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(file.sha256()));
    if (!digests.emplace(file.path(), digest).second) {
      return BaseMismatch(absl::StrCat(file.path(), " twice"), "every file once");
    }
  }
  RETURN_IF_ERROR(MatchManifest(manifest, digests));
  return total;
}

absl::StatusOr<BaseDownload> DownloadBase(const Workspace& workspace,
                                          const CoordinatorConnection& coordinator,
                                          absl::FunctionRef<void(int64_t, int64_t)> progress) {
  const auto stub = v1::CheckpointDistributionService::NewStub(coordinator.channel);
  ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint, GetVerifiedCheckpoint(*stub, coordinator));
  BaseDownload result;
  for (const v1::FileDigest& file : checkpoint.files()) {
    ++result.files;
    result.bytes += file.size_bytes();
  }
  const std::string partial = workspace.BasePartialDirectory();
  RETURN_IF_ERROR(EnsureDirectory(partial, kPrivateDirectory));
  RETURN_IF_ERROR(CheckFreeSpace(partial, result.bytes - HeldBytes(checkpoint, partial)));
  Download download(*stub, coordinator.address(), checkpoint.name(), partial, result.bytes,
                    progress);
  for (const v1::FileDigest& file : checkpoint.files()) RETURN_IF_ERROR(download.Fetch(file));
  result.received_bytes = download.received();
  RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(partial, "/", kModelSignatureFile),
                                      checkpoint.signature(), kPrivateFile));
  // Once more, the directory as it lies there: nothing else may have crept in.
  RETURN_IF_ERROR(VerifyDirectory(partial, coordinator.coordinator_key).status());
  std::error_code error;
  fs::remove_all(workspace.BaseDirectory(), error);
  fs::rename(partial, workspace.BaseDirectory(), error);
  if (error) return ErrnoError(error.value(), "rename", partial);
  RETURN_IF_ERROR(SyncDirectory(workspace.root()));
  return result;
}

}  // namespace kalavai::contributor
