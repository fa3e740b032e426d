#include "contributor/submission/resumable_uploader.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/crypto/sha256.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "common/storage/file_descriptor.h"
#include "contributor/submission/files_to_send.h"

namespace kalavai::contributor {
namespace {

constexpr char kResume[] = "run 'kalavai submit' again";

absl::Status ReadAt(int descriptor, const std::string& location, int64_t offset, int64_t length,
                    std::string* out) {
  out->resize(static_cast<size_t>(length));
  size_t done = 0;
  while (done < out->size()) {
    const ssize_t got = pread(descriptor, out->data() + done, out->size() - done,
                              offset + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read", location);
    if (got == 0) return absl::DataLossError(absl::StrCat(location, ": became shorter"));
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status CheckSize(int descriptor, const std::string& location, int64_t declared) {
  struct stat info = {};
  if (fstat(descriptor, &info) != 0) return ErrnoError(errno, "stat", location);
  if (info.st_size == declared) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "MANIFEST_MISMATCH",
                   {.what = absl::StrCat(location, ": ", info.st_size, " bytes; must be ", declared,
                                         " as declared"),
                    .fix = kResume});
}

}  // namespace

bool IsResumable(const absl::Status& status) {
  if (IsRetryable(status)) return true;
  const std::string reason = GetErrorReason(status);
  switch (status.code()) {
    case absl::StatusCode::kAborted:
      return reason == "UPLOAD_BUSY";
    case absl::StatusCode::kOutOfRange:
      return reason == "OFFSET_MISMATCH";
    case absl::StatusCode::kDataLoss:
      return reason == "DIGEST_MISMATCH";
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:  // the coordinator cut off an idle or stopping stream
      return reason != "INTERRUPTED";
    default:
      return false;
  }
}

absl::StatusOr<v1::Upload> ResumableUploader::Ask(const std::string& upload) {
  v1::GetUploadRequest request;
  request.set_name(upload);
  return CallUnary(address_, stub_, &v1::SubmissionService::Stub::GetUpload, request,
                   {.attempts = 1});
}

absl::StatusOr<v1::Upload> ResumableUploader::Stream(const v1::Upload& from, const BuiltFile& built,
                                                     const std::string& directory,
                                                     absl::FunctionRef<void(int64_t)> progress) {
  RETURN_IF_ERROR(CheckAsked(from.file(), built));
  const std::string location = absl::StrCat(directory, "/", built.path);
  ASSIGN_OR_RETURN(const FileDescriptor file,
                   FileDescriptor::Open(location, O_RDONLY | O_NOFOLLOW));
  const int64_t size = built.size_bytes;
  RETURN_IF_ERROR(CheckSize(file.get(), location, size));
  if (from.persisted_size_bytes() < 0 || from.persisted_size_bytes() > size) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "SIZE_MISMATCH",
        {.what = absl::StrCat(built.path, ": the coordinator holds ", from.persisted_size_bytes(),
                              " bytes; must be 0 to ", size),
         .fix = kResume});
  }
  const int64_t chunk = from.chunk_bytes_max() > 0
                            ? std::min(from.chunk_bytes_max(), limits::kUploadChunkBytes)
                            : limits::kUploadChunkBytes;
  grpc::ClientContext context;
  v1::Upload after;
  const auto writer = stub_.WriteUpload(&context, &after);
  v1::WriteUploadRequest message;
  message.set_name(from.name());
  absl::Status local;
  for (int64_t offset = from.persisted_size_bytes();;) {
    if (Interrupted()) local = InterruptedError(kResume);
    const int64_t length = std::min(chunk, size - offset);
    if (local.ok()) local = ReadAt(file.get(), location, offset, length, message.mutable_data());
    if (!local.ok()) {
      context.TryCancel();
      break;
    }
    message.set_write_offset(offset);
    message.set_chunk_sha256(std::string(Sha256Of(message.data()).bytes()));
    message.set_finish_write(offset + length == size);
    if (!writer->Write(message)) break;  // Finish says why
    offset += length;
    progress(offset);
    if (message.finish_write()) break;
    message.clear_name();
  }
  if (local.ok()) writer->WritesDone();
  const absl::Status remote = CallStatus(writer->Finish(), address_);
  RETURN_IF_ERROR(local);
  RETURN_IF_ERROR(remote);
  return after;
}

absl::Status ResumableUploader::Send(const std::string& submission, const BuiltFile& file,
                                     const std::string& directory,
                                     absl::FunctionRef<void(int64_t)> progress) {
  v1::StartUploadRequest request;
  request.set_parent(submission);
  request.set_path(file.path);
  ASSIGN_OR_RETURN(v1::Upload upload,
                   CallUnary(address_, stub_, &v1::SubmissionService::Stub::StartUpload, request));
  Deadline deadline(patience_);
  for (int attempt = 0; !upload.complete(); ++attempt) {
    const int64_t before = upload.persisted_size_bytes();
    progress(before);
    absl::StatusOr<v1::Upload> after = Stream(upload, file, directory, progress);
    if (after.ok() && after->complete()) return absl::OkStatus();
    if (!after.ok() && !IsResumable(after.status())) return after.status();
    const absl::Status broken =
        after.ok() ? absl::UnavailableError(absl::StrCat(file.path, ": the stream ended early"))
                   : after.status();
    if (Interrupted()) return InterruptedError(kResume);
    if (deadline.Passed()) return broken;
    SleepBeforeRetry({}, std::min(attempt, 5));
    after = Ask(upload.name());
    if (!after.ok() && !IsResumable(after.status())) return after.status();
    if (!after.ok()) continue;
    upload = *std::move(after);
    if (upload.persisted_size_bytes() > before) {
      deadline = Deadline(patience_);
      attempt = -1;
    }
  }
  progress(file.size_bytes);
  return absl::OkStatus();
}

}  // namespace kalavai::contributor
