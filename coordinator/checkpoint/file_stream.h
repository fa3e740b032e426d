// The reactor of ReadFile: one blob from an offset, limits::kTextChunkBytes a message. A blob is
// read as the reader takes it, so a slow reader costs one piece of memory. Deletes itself when gRPC
// is done with it.
#ifndef KALAVAI_COORDINATOR_CHECKPOINT_FILE_STREAM_H_
#define KALAVAI_COORDINATOR_CHECKPOINT_FILE_STREAM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "grpcpp/support/server_callback.h"

#include "common/crypto/sha256.h"
#include "common/storage/blob_store.h"
#include "coordinator/unary_handler.h"
#include "kalavai/v1/checkpoint.pb.h"

namespace kalavai::coordinator {

class FileStream final : public grpc::ServerWriteReactor<v1::ReadFileResponse> {
 public:
  // Bytes [offset, end) of a blob.
  struct Range {
    Digest digest;
    int64_t offset = 0;
    int64_t end = 0;
  };
  // Ends at once with `status` when it is not OK.
  FileStream(RequestLog log, const BlobStore& blobs, const absl::StatusOr<Range>& range);

  void OnWriteDone(bool ok) override;
  void OnCancel() override {}
  void OnDone() override { delete this; }

 private:
  void WriteNext();

  const RequestLog log_;
  const BlobStore& blobs_;
  Range range_;
  v1::ReadFileResponse response_;
};

// google.bytestream's rules: `limit` 0 = to the end; OUT_OF_RANGE OFFSET_MISMATCH for an offset
// that is negative or beyond `size`; a limit beyond the end is cut; FIELD_INVALID for a negative
// limit.
absl::StatusOr<FileStream::Range> ResolveRange(const Digest& digest, int64_t size, int64_t offset,
                                               int64_t limit);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_CHECKPOINT_FILE_STREAM_H_
