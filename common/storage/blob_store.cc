#include "common/storage/blob_store.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

constexpr char kPutPrefix[] = ".put-";
constexpr mode_t kBlobMode = 0444;
constexpr size_t kStagingIdLengthMax = 128;

absl::Status CheckStagingId(absl::string_view id) {
  const bool spelled = std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
  if (!id.empty() && id.size() <= kStagingIdLengthMax && id.front() != '.' && spelled) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kInvalidArgument, "NAME_INVALID",
                   {.what = absl::StrCat("staging id '", id.substr(0, kStagingIdLengthMax),
                                         "': must be 1 to 128 of [A-Za-z0-9._-], not beginning "
                                         "with '.'"),
                    .why = "it is the name of a file"});
}

absl::Status DigestMismatch(const Digest& expected, const Digest& actual) {
  return MakeError(
      absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
      {.what = absl::StrCat("file: SHA-256 ", actual.Hex(), " found; must be ", expected.Hex()),
       .why = "the bytes are not the ones that were announced",
       .fix = "transfer the file again from its beginning",
       .metadata = {{"expected", expected.Hex()}, {"actual", actual.Hex()}}});
}

absl::Status OffsetMismatch(int64_t offset, absl::string_view rule, int64_t expected) {
  return MakeError(
      absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH",
      {.what = absl::StrCat("offset: ", offset, " found; must be ", rule, expected),
       .why = "bytes are written once and in order",
       .fix = "continue at the expected offset",
       .metadata = {{"expected", absl::StrCat(expected)}, {"actual", absl::StrCat(offset)}}});
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) != 0) return ErrnoError(errno, "remove", path);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FileNames(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return ErrnoError(error.value(), "list", directory);
  std::sort(names.begin(), names.end());
  return names;
}

// Copies of PutBytes and PutFile that a crash left behind, whatever text they hold.
absl::Status RemoveAbandoned(const std::string& staging) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FileNames(staging));
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, kPutPrefix)) continue;
    RETURN_IF_ERROR(RemoveFile(absl::StrCat(staging, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace

StagedBlob::StagedBlob(const BlobStore* store, std::string path, FileDescriptor file, int64_t size)
    : store_(store), path_(std::move(path)), file_(std::move(file)), size_(size) {}

absl::Status StagedBlob::Append(int64_t offset, absl::string_view bytes) {
  RETURN_IF_ERROR(state_);
  if (offset != size_) return OffsetMismatch(offset, "", size_);
  RETURN_IF_ERROR(store_->RequireFree(static_cast<int64_t>(bytes.size())));
  const absl::Status written = file_.WriteAll(bytes, path_);
  if (!written.ok()) {
    // Take back what part was written; if even that fails the file's state is unknown.
    if (!file_.TruncateTo(size_, path_).ok()) state_ = written;
    return written;
  }
  size_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::Status StagedBlob::Sync() {
  RETURN_IF_ERROR(state_);
  state_ = file_.SyncData(path_);
  if (!state_.ok()) {
    // If this fails, too, Commit's check of the digest is what is left.
    if (file_.TruncateTo(synced_, path_).ok()) size_ = synced_;
    return state_;
  }
  synced_ = size_;
  return absl::OkStatus();
}

void StagedBlob::Finish(absl::string_view how) {
  file_ = FileDescriptor();
  state_ = MakeError(absl::StatusCode::kFailedPrecondition, "UPLOAD_NOT_FOUND",
                     {.what = absl::StrCat("staged file: was ", how, " already")});
}

absl::Status StagedBlob::Commit(const Digest& expected) {
  RETURN_IF_ERROR(Sync());
  if (!moved_) {
    ASSIGN_OR_RETURN(const Digest actual, Sha256OfFile(path_));
    if (actual != expected) {
      RETURN_IF_ERROR(RemoveFile(path_));
      Finish("removed");
      return DigestMismatch(expected, actual);
    }
  }
  RETURN_IF_ERROR(store_->Adopt(file_, path_, expected, moved_));
  Finish("committed");
  return absl::OkStatus();
}

absl::Status StagedBlob::Discard() {
  if (file_.get() < 0) return state_;
  if (!moved_) RETURN_IF_ERROR(RemoveFile(path_));
  Finish("removed");
  return absl::OkStatus();
}

BlobStore::BlobStore(std::string root, const BlobStoreOptions& options)
    : root_(std::move(root)), options_(options) {}

absl::StatusOr<std::unique_ptr<BlobStore>> BlobStore::Open(const std::string& root,
                                                           const BlobStoreOptions& options) {
  std::unique_ptr<BlobStore> store(new BlobStore(root, options));
  RETURN_IF_ERROR(EnsureDirectory(root, 0700));
  RETURN_IF_ERROR(EnsureDirectory(absl::StrCat(root, "/sha256"), 0700));
  RETURN_IF_ERROR(EnsureDirectory(store->StagingDirectory(), 0700));
  RETURN_IF_ERROR(RemoveAbandoned(store->StagingDirectory()));
  // What an earlier process made and did not live to sync is built upon from here on.
  for (const std::string& folder :
       {root, absl::StrCat(root, "/sha256"), store->StagingDirectory()}) {
    RETURN_IF_ERROR(SyncDirectory(folder));
  }
  return store;
}

std::string BlobStore::StagingDirectory() const { return absl::StrCat(root_, "/staging"); }

std::string BlobStore::Path(const Digest& digest) const {
  const std::string hex = digest.Hex();
  return absl::StrCat(root_, "/sha256/", hex.substr(0, 2), "/", hex);
}

absl::Status BlobStore::RequireFree(int64_t bytes) const {
  struct statvfs info = {};
  if (statvfs(root_.c_str(), &info) != 0) return ErrnoError(errno, "statvfs", root_);
  const auto free = static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
  if (free - bytes >= options_.free_space_floor_bytes) return absl::OkStatus();
  return MakeError(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                   {.what = absl::StrCat("blob store: ", free, " bytes free; must keep ",
                                         options_.free_space_floor_bytes, " after writing ", bytes),
                    .why = "a full disk would stop the database, too",
                    .fix = "free some space on this disk, then run the command again",
                    .metadata = {{"free", absl::StrCat(free)},
                                 {"floor", absl::StrCat(options_.free_space_floor_bytes)},
                                 {"needed", absl::StrCat(bytes)}}});
}

absl::Status BlobStore::CheckFreeSpace(int64_t declared_bytes) const {
  // Free >= max(floor, 2 x declared), said as "floor left after writing the excess".
  const int64_t twice =
      declared_bytes > limits::kGiB * limits::kGiB ? INT64_MAX : 2 * declared_bytes;
  return RequireFree(std::max<int64_t>(0, twice - options_.free_space_floor_bytes));
}

absl::Status BlobStore::Adopt(const FileDescriptor& file, const std::string& path,
                              const Digest& digest, bool& moved) const {
  const std::string target = Path(digest);
  const std::string folder = std::filesystem::path(target).parent_path().string();
  if (!moved) {
    if (fchmod(file.get(), kBlobMode) != 0) return ErrnoError(errno, "set mode of", path);
    RETURN_IF_ERROR(file.Sync(path));
    RETURN_IF_ERROR(EnsureDirectory(folder, 0700));
    // Over an existing blob too: the content is the same, or the old one was damaged.
    if (rename(path.c_str(), target.c_str()) != 0) return ErrnoError(errno, "rename to", target);
    moved = true;
  }
  RETURN_IF_ERROR(SyncDirectory(folder));
  return SyncDirectory(StagingDirectory());
}

absl::StatusOr<Digest> BlobStore::Put(
    absl::FunctionRef<absl::StatusOr<Digest>(const FileDescriptor&, const std::string&)> fill)
    const {
  std::string path = absl::StrCat(StagingDirectory(), "/", kPutPrefix, "XXXXXX");
  const int number = mkostemp(path.data(), O_CLOEXEC);
  if (number < 0) return ErrnoError(errno, "create", path);
  const FileDescriptor file(number);
  absl::StatusOr<Digest> digest = fill(file, path);
  bool moved = false;
  if (digest.ok()) {
    const absl::Status adopted = Adopt(file, path, *digest, moved);
    if (adopted.ok()) return digest;
    digest = adopted;
  }
  if (!moved) unlink(path.c_str());
  return digest;
}

absl::StatusOr<Digest> BlobStore::PutBytes(absl::string_view bytes) const {
  RETURN_IF_ERROR(RequireFree(static_cast<int64_t>(bytes.size())));
  return Put([&](const FileDescriptor& file, const std::string& path) -> absl::StatusOr<Digest> {
    RETURN_IF_ERROR(file.WriteAll(bytes, path));
    return Sha256Of(bytes);
  });
}

absl::StatusOr<Digest> BlobStore::PutFile(const std::string& source_path) const {
  ASSIGN_OR_RETURN(const FileDescriptor source,
                   FileDescriptor::Open(source_path, O_RDONLY | O_NONBLOCK));
  struct stat info = {};
  if (fstat(source.get(), &info) != 0) return ErrnoError(errno, "stat", source_path);
  if (!S_ISREG(info.st_mode)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE_KIND_REFUSED",
                     {.what = absl::StrCat("read ", source_path, ": must be a regular file"),
                      .metadata = {{"path", source_path}}});
  }
  RETURN_IF_ERROR(RequireFree(info.st_size));
  return Put([&](const FileDescriptor& file, const std::string& path) -> absl::StatusOr<Digest> {
    std::vector<char> buffer(static_cast<size_t>(limits::kMiB));
    Sha256 hash;
    while (true) {
      const ssize_t count = read(source.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoError(errno, "read", source_path);
      if (count == 0) return hash.Finish();
      const absl::string_view bytes(buffer.data(), static_cast<size_t>(count));
      hash.Update(bytes);
      RETURN_IF_ERROR(file.WriteAll(bytes, path));
    }
  });
}

absl::StatusOr<StagedBlob> BlobStore::CreateStaging(absl::string_view id) const {
  RETURN_IF_ERROR(CheckStagingId(id));
  std::string path = absl::StrCat(StagingDirectory(), "/", id);
  auto file = FileDescriptor::Open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (absl::IsAlreadyExists(file.status())) {
    return MakeError(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                     {.what = absl::StrCat("staging id '", id, "': exists already"),
                      .fix = "continue it instead",
                      .metadata = {{"id", std::string(id)}}});
  }
  RETURN_IF_ERROR(file.status());
  const absl::Status durable = SyncDirectory(StagingDirectory());
  if (!durable.ok()) {
    unlink(path.c_str());  // the name stays free for another try
    return durable;
  }
  return StagedBlob(this, std::move(path), *std::move(file), 0);
}

absl::StatusOr<StagedBlob> BlobStore::OpenStaging(absl::string_view id) const {
  RETURN_IF_ERROR(CheckStagingId(id));
  std::string path = absl::StrCat(StagingDirectory(), "/", id);
  // A crash just before Commit's rename leaves it read-only.
  auto opened = FileDescriptor::Open(path, O_RDWR | O_NOFOLLOW);
  if (absl::IsPermissionDenied(opened.status()) && chmod(path.c_str(), 0600) == 0) {
    opened = FileDescriptor::Open(path, O_RDWR | O_NOFOLLOW);
  }
  ASSIGN_OR_RETURN(FileDescriptor file, std::move(opened));
  const off_t size = lseek(file.get(), 0, SEEK_END);
  if (size < 0) return ErrnoError(errno, "seek", path);
  return StagedBlob(this, std::move(path), std::move(file), size);
}

absl::StatusOr<std::vector<std::string>> BlobStore::ListStaging() const {
  ASSIGN_OR_RETURN(std::vector<std::string> names, FileNames(StagingDirectory()));
  std::erase_if(names, [](const std::string& name) { return name.front() == '.'; });
  return names;
}

absl::StatusOr<int64_t> BlobStore::StagingBytes() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListStaging());
  int64_t bytes = 0;
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(StagingDirectory(), "/", name);
    struct stat info = {};
    if (stat(path.c_str(), &info) == 0) {
      bytes += info.st_size;
    } else if (errno != ENOENT) {  // it may have been moved to its place meanwhile
      return ErrnoError(errno, "stat", path);
    }
  }
  return bytes;
}

bool BlobStore::Contains(const Digest& digest) const { return Size(digest).ok(); }

absl::Status BlobStore::NotFound(const Digest& digest) const {
  return MakeError(absl::StatusCode::kNotFound, "BLOB_NOT_FOUND",
                   {.what = absl::StrCat("blob ", digest.Hex(), ": not in the store"),
                    .metadata = {{"digest", digest.Hex()}}});
}

absl::StatusOr<int64_t> BlobStore::Size(const Digest& digest) const {
  struct stat info = {};
  if (stat(Path(digest).c_str(), &info) == 0) return info.st_size;
  if (errno == ENOENT) return NotFound(digest);
  return ErrnoError(errno, "stat", Path(digest));
}

absl::StatusOr<absl::Time> BlobStore::WriteTime(const Digest& digest) const {
  struct stat info = {};
  if (stat(Path(digest).c_str(), &info) == 0) return absl::FromTimeT(info.st_mtime);
  if (errno == ENOENT) return NotFound(digest);
  return ErrnoError(errno, "stat", Path(digest));
}

absl::StatusOr<std::string> BlobStore::Read(const Digest& digest, int64_t offset,
                                            int64_t length) const {
  ASSIGN_OR_RETURN(const int64_t size, Size(digest));
  if (offset < 0 || offset > size) return OffsetMismatch(offset, "between 0 and ", size);
  if (length < 0) return OffsetMismatch(length, "a length of at least ", 0);
  const std::string path = Path(digest);
  ASSIGN_OR_RETURN(const FileDescriptor file, FileDescriptor::Open(path, O_RDONLY));
  std::string bytes(static_cast<size_t>(std::min(length, size - offset)), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                                offset + static_cast<int64_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read", path);
    if (count == 0) return ErrnoError(EIO, "read", path);  // a blob never shrinks
    filled += static_cast<size_t>(count);
  }
  return bytes;
}

absl::Status BlobStore::Delete(const Digest& digest) const {
  const std::string path = Path(digest);
  if (unlink(path.c_str()) != 0) {
    return errno == ENOENT ? NotFound(digest) : ErrnoError(errno, "remove", path);
  }
  return SyncDirectory(std::filesystem::path(path).parent_path().string());
}

absl::Status BlobStore::Check(const Digest& digest) const {
  RETURN_IF_ERROR(Size(digest).status());
  ASSIGN_OR_RETURN(const Digest actual, Sha256OfFile(Path(digest)));
  return actual == digest ? absl::OkStatus() : DigestMismatch(digest, actual);
}

absl::StatusOr<std::vector<Digest>> BlobStore::List() const {
  std::vector<Digest> digests;
  const std::string top = absl::StrCat(root_, "/sha256");
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, FileNames(top));
  for (const std::string& folder : folders) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names,
                     FileNames(absl::StrCat(top, "/", folder)));
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(name));
      digests.push_back(digest);
    }
  }
  return digests;
}

}  // namespace kalavai
