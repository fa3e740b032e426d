#include "common/probe/probe_journal.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

constexpr char kMagic[] = "KLVPRB02";

absl::string_view BytesOf(std::span<const float> values) {
  const std::span<const std::byte> bytes = std::as_bytes(values);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void AppendNumber(int64_t value, std::string& out) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>((static_cast<uint64_t>(value) >> shift) & 0xFF));
  }
}

std::string HeadOf(const ProbeCacheKey& key, const ProbeJournal::Shape& shape) {
  std::string head(kMagic);
  Sha256 hash;
  hash.Update(absl::StrCat(key.model_digest, ";", key.probe_digest, ";", key.arithmetic_digest));
  absl::StrAppend(&head, hash.Finish().bytes());
  for (const int64_t value :
       {shape.chunks, shape.chunk_tokens, shape.feature_width, shape.feature_depth, shape.batch}) {
    AppendNumber(value, head);
  }
  return head;
}

Digest Chained(const Digest& before, absl::string_view log_probs, absl::string_view features) {
  Sha256 hash;
  hash.Update(before.bytes());
  hash.Update(log_probs);
  hash.Update(features);
  return hash.Finish();
}

// As many bytes as there are, up to `size`.
absl::StatusOr<std::string> ReadUpTo(int file, size_t size, const std::string& path) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t count = ::read(file, bytes.data() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read", path);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

void AppendFloats(absl::string_view bytes, std::vector<float>& out) {
  const size_t before = out.size();
  out.resize(before + bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(&out[before], bytes.data(), bytes.size());
}

}  // namespace

absl::StatusOr<ProbeJournal> ProbeJournal::Open(const std::string& path, const ProbeCacheKey& key,
                                                const Shape& shape) {
  KALAVAI_CHECK(shape.chunks > 0 && shape.chunk_tokens > 1 && shape.batch > 0,
                "a pass has chunks, and they have predictions");
  ASSIGN_OR_RETURN(FileDescriptor file, FileDescriptor::Open(path, O_RDWR | O_CREAT, 0600));
  ProbeJournal journal(std::move(file), path, shape);
  RETURN_IF_ERROR(journal.ReadBlocks(HeadOf(key, shape)));
  return journal;
}

int64_t ProbeJournal::NextBlockChunks() const {
  return std::min(shape_.batch, shape_.chunks - chunk_count_);
}

absl::Status ProbeJournal::ReadBlocks(const std::string& head) {
  chain_ = Sha256Of(head);
  ASSIGN_OR_RETURN(const std::string found, ReadUpTo(file_.get(), head.size(), path_));
  if (found != head) {
    RETURN_IF_ERROR(file_.TruncateTo(0, path_));
    return file_.WriteAll(head, path_);
  }
  int64_t kept = static_cast<int64_t>(head.size());
  while (chunk_count_ < shape_.chunks) {
    const int64_t chunks = NextBlockChunks();
    const auto log_prob_bytes =
        static_cast<size_t>(chunks * (shape_.chunk_tokens - 1)) * sizeof(float);
    const auto feature_bytes =
        static_cast<size_t>(chunks * shape_.chunk_tokens * shape_.feature_width) * sizeof(float);
    const size_t size = log_prob_bytes + feature_bytes + Digest::kBytes;
    ASSIGN_OR_RETURN(const std::string block, ReadUpTo(file_.get(), size, path_));
    if (block.size() != size) break;
    const absl::string_view bytes(block);
    const absl::string_view log_probs = bytes.substr(0, log_prob_bytes);
    const absl::string_view features = bytes.substr(log_prob_bytes, feature_bytes);
    const Digest digest = Chained(chain_, log_probs, features);
    if (digest.bytes() != bytes.substr(log_prob_bytes + feature_bytes)) break;
    AppendFloats(log_probs, log_probs_);
    AppendFloats(features, features_);
    chain_ = digest;
    chunk_count_ += chunks;
    kept += static_cast<int64_t>(size);
  }
  return file_.TruncateTo(kept, path_);
}

absl::Status ProbeJournal::Append(std::span<const float> log_probs,
                                  std::span<const float> features) {
  const int64_t chunks = NextBlockChunks();
  KALAVAI_CHECK(static_cast<int64_t>(log_probs.size()) == chunks * (shape_.chunk_tokens - 1) &&
                    static_cast<int64_t>(features.size()) ==
                        chunks * shape_.chunk_tokens * shape_.feature_width,
                "blocks are batches, in order");
  const Digest digest = Chained(chain_, BytesOf(log_probs), BytesOf(features));
  RETURN_IF_ERROR(file_.WriteAll(BytesOf(log_probs), path_));
  RETURN_IF_ERROR(file_.WriteAll(BytesOf(features), path_));
  RETURN_IF_ERROR(file_.WriteAll(digest.bytes(), path_));
  chain_ = digest;
  chunk_count_ += chunks;
  return absl::OkStatus();
}

}  // namespace kalavai
