#include "coordinator/checkpoint/file_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"

namespace kalavai::coordinator {

FileStream::FileStream(RequestLog log, const BlobStore& blobs, const absl::StatusOr<Range>& range)
    : log_(std::move(log)), blobs_(blobs) {
  if (!range.ok()) {
    Finish(log_.End(range.status()));
    return;
  }
  range_ = *range;
  WriteNext();
}

void FileStream::OnWriteDone(bool ok) {
  if (ok) {
    WriteNext();
    return;
  }
  Finish(log_.End(absl::CancelledError("the reader went away")));
}

void FileStream::WriteNext() {
  if (range_.offset >= range_.end) {
    Finish(log_.End(absl::OkStatus()));
    return;
  }
  const int64_t length = std::min(range_.end - range_.offset, limits::kTextChunkBytes);
  absl::StatusOr<std::string> bytes = blobs_.Read(range_.digest, range_.offset, length);
  if (bytes.ok() && bytes->empty()) {
    bytes = MakeError(absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
                      {.what = absl::StrCat("blob ", range_.digest.Hex(), ": ends at ",
                                            range_.offset, "; must have ", range_.end, " bytes"),
                       .fix = "restore the coordinator's blobs from a backup"});
  }
  if (!bytes.ok()) {
    Finish(log_.End(bytes.status()));
    return;
  }
  range_.offset += static_cast<int64_t>(bytes->size());
  response_.set_data(*std::move(bytes));
  StartWrite(&response_);
}

absl::StatusOr<FileStream::Range> ResolveRange(const Digest& digest, int64_t size, int64_t offset,
                                               int64_t limit) {
  if (offset < 0 || offset > size) {
    return MakeError(absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH",
                     {.what = absl::StrCat("read_offset: ", offset, " found; must be 0 to ", size),
                      .fix = "start again at 0",
                      .metadata = {{"expected", absl::StrCat(size)}}});
  }
  if (limit < 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                     {.what = absl::StrCat("read_limit: ", limit, " found; must not be negative"),
                      .fix = "leave it out to read to the end",
                      .metadata = {{"field", "read_limit"}}});
  }
  const int64_t end = limit == 0 || limit > size - offset ? size : offset + limit;
  return FileStream::Range{.digest = digest, .offset = offset, .end = end};
}

}  // namespace kalavai::coordinator
