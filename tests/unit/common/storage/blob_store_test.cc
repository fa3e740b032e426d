// Goal: a blob is visible under its digest only when its bytes have that digest; an upload survives
// a restart and loses nothing by a wrong offset.
// Method: real files; a restart is a second store on the same root, damage is done with plain
// writes.
#include "common/storage/blob_store.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;

std::unique_ptr<BlobStore> OpenStore(const std::string& root) {
  auto store = BlobStore::Open(root, {.free_space_floor_bytes = 0});
  REQUIRE_OK(store);
  return *std::move(store);
}

TEST_CASE("Bytes and files are found under their digest, immutable", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.File("blobs"));
  REQUIRE_OK_AND_ASSIGN(const Digest digest, store->PutBytes("abc"));
  CHECK(digest.Hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(store->Path(digest) == dir.File("blobs/sha256/ba/") + digest.Hex());
  struct stat info = {};
  REQUIRE(stat(store->Path(digest).c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0444);
  CHECK(store->PutBytes("abc").value() == digest);  // again: the same blob
  const std::string large(3 * limits::kMiB + 5, 'x');
  WriteFile(dir.File("large"), large);
  REQUIRE_OK_AND_ASSIGN(const Digest other, store->PutFile(dir.File("large")));
  CHECK(other == Sha256Of(large));
  CHECK(store->Size(other).value() == static_cast<int64_t>(large.size()));
  CHECK(ReadFile(store->Path(other)) == large);
  std::vector<Digest> both = {digest, other};
  std::sort(both.begin(), both.end());
  CHECK(store->List().value() == both);
  CHECK(store->ListStaging().value().empty());
  REQUIRE_STATUS(store->PutFile(dir.path()), StatusCode::kInvalidArgument, "FILE_KIND_REFUSED");
  REQUIRE_STATUS(store->PutFile(dir.File("no")), StatusCode::kNotFound, "FILE_NOT_FOUND");
}

TEST_CASE("Ranges are read within the blob and nowhere else", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.path());
  REQUIRE_OK_AND_ASSIGN(const Digest digest, store->PutBytes("0123456789"));
  CHECK(store->Read(digest, 0, 100).value() == "0123456789");
  CHECK(store->Read(digest, 3, 4).value() == "3456");
  CHECK(store->Read(digest, 10, 4).value().empty());
  for (const auto& [offset, length] :
       {std::pair<int64_t, int64_t>{11, 1}, {-1, 1}, {0, -1}, {INT64_MAX, 1}}) {
    REQUIRE_STATUS(store->Read(digest, offset, length), StatusCode::kOutOfRange, "OFFSET_MISMATCH");
  }
  CHECK(store->Read(digest, 1, INT64_MAX).value() == "123456789");
}

TEST_CASE("An absent blob is not found by any call", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.path());
  const Digest digest = Sha256Of("absent");
  CHECK_FALSE(store->Contains(digest));
  REQUIRE_STATUS(store->Size(digest), StatusCode::kNotFound, "BLOB_NOT_FOUND");
  REQUIRE_STATUS(store->Read(digest, 0, 1), StatusCode::kNotFound, "BLOB_NOT_FOUND");
  REQUIRE_STATUS(store->Delete(digest), StatusCode::kNotFound, "BLOB_NOT_FOUND");
  REQUIRE_STATUS(store->Check(digest), StatusCode::kNotFound, "BLOB_NOT_FOUND");
  REQUIRE_OK_AND_ASSIGN(const Digest present, store->PutBytes("present"));
  REQUIRE_OK(store->Delete(present));
  CHECK_FALSE(store->Contains(present));
}

TEST_CASE("A damaged blob is noticed, and putting it again heals it", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.path());
  REQUIRE_OK_AND_ASSIGN(const Digest digest, store->PutBytes("whole"));
  REQUIRE_OK(store->Check(digest));
  REQUIRE(chmod(store->Path(digest).c_str(), 0600) == 0);
  WriteFile(store->Path(digest), "whale");
  REQUIRE_STATUS(store->Check(digest), StatusCode::kDataLoss, "DIGEST_MISMATCH");
  REQUIRE_OK(store->PutBytes("whole"));
  REQUIRE_OK(store->Check(digest));
}

TEST_CASE("An upload continues after a restart where its file ends", "[storage]") {
  const TempDir dir;
  const Digest expected = Sha256Of("hello, world");
  {
    const auto store = OpenStore(dir.path());
    REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->CreateStaging("upload-1"));
    REQUIRE_OK(staged.Append(0, "hello"));
    CHECK(staged.synced_size() == 0);
    REQUIRE_OK(staged.Sync());
    CHECK(staged.synced_size() == 5);
    REQUIRE_STATUS(store->CreateStaging("upload-1"), StatusCode::kAlreadyExists, "FILE_EXISTS");
  }
  const auto store = OpenStore(dir.path());
  CHECK(store->ListStaging().value() == std::vector<std::string>{"upload-1"});
  CHECK(store->StagingBytes().value() == 5);
  REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->OpenStaging("upload-1"));
  CHECK(staged.size() == 5);
  for (const int64_t offset : {int64_t{0}, int64_t{4}, int64_t{6}, int64_t{-1}, INT64_MAX}) {
    const absl::Status status = staged.Append(offset, "?");
    REQUIRE_STATUS(status, StatusCode::kOutOfRange, "OFFSET_MISMATCH");
    CHECK(GetErrorDetail(status)->text.metadata.at("expected") == "5");
  }
  REQUIRE_OK(staged.Append(5, ", world"));
  CHECK_FALSE(store->Contains(expected));
  REQUIRE_OK(staged.Commit(expected));
  CHECK(store->Read(expected, 0, 99).value() == "hello, world");
  CHECK(store->ListStaging().value().empty());
  // Finished is finished.
  REQUIRE_STATUS(staged.Append(12, "x"), StatusCode::kFailedPrecondition, "UPLOAD_NOT_FOUND");
  REQUIRE_STATUS(staged.Commit(expected), StatusCode::kFailedPrecondition, "UPLOAD_NOT_FOUND");
  REQUIRE_STATUS(staged.Discard(), StatusCode::kFailedPrecondition, "UPLOAD_NOT_FOUND");
  REQUIRE_STATUS(store->OpenStaging("upload-1"), StatusCode::kNotFound, "FILE_NOT_FOUND");
}

TEST_CASE("Bytes other than announced are refused and removed", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.path());
  REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->CreateStaging("u"));
  REQUIRE_OK(staged.Append(0, "abd"));
  const absl::Status status = staged.Commit(Sha256Of("abc"));
  REQUIRE_STATUS(status, StatusCode::kDataLoss, "DIGEST_MISMATCH");
  CHECK(GetErrorDetail(status)->text.metadata.at("actual") == Sha256Of("abd").Hex());
  CHECK(store->List().value().empty());
  CHECK(store->ListStaging().value().empty());
}

TEST_CASE("The digest is of the bytes on disk, not of the bytes received", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.path());
  REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->CreateStaging("u"));
  REQUIRE_OK(staged.Append(0, "abc"));
  WriteFile(dir.File("staging/u"), "abX");
  REQUIRE_STATUS(staged.Commit(Sha256Of("abc")), StatusCode::kDataLoss, "DIGEST_MISMATCH");
}

TEST_CASE("A discarded upload leaves nothing", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.path());
  REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->CreateStaging("u"));
  REQUIRE_OK(staged.Append(0, "abc"));
  REQUIRE_OK(staged.Discard());
  CHECK(store->ListStaging().value().empty());
}

TEST_CASE("A staging id cannot name another place", "[storage]") {
  const TempDir dir;
  const auto store = OpenStore(dir.path());
  for (const std::string& id : {std::string(), std::string("."), std::string(".."),
                                std::string(".put-1"), std::string("a/b"), std::string("../x"),
                                std::string("a\0b", 3), std::string("é"), std::string(129, 'a')}) {
    INFO(id);
    REQUIRE_STATUS(store->CreateStaging(id), StatusCode::kInvalidArgument, "NAME_INVALID");
    REQUIRE_STATUS(store->OpenStaging(id), StatusCode::kInvalidArgument, "NAME_INVALID");
  }
  REQUIRE_OK(store->CreateStaging(std::string(128, 'a')));
}

TEST_CASE("Nothing is written below the floor of free space", "[storage]") {
  const TempDir dir;
  REQUIRE_OK_AND_ASSIGN(const auto store,
                        BlobStore::Open(dir.path(), {.free_space_floor_bytes = INT64_MAX / 2}));
  REQUIRE_STATUS(store->PutBytes("x"), StatusCode::kResourceExhausted, "DISK_FULL");
  REQUIRE_STATUS(store->CheckFreeSpace(0), StatusCode::kResourceExhausted, "DISK_FULL");
  REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->CreateStaging("u"));
  REQUIRE_STATUS(staged.Append(0, "x"), StatusCode::kResourceExhausted, "DISK_FULL");
  CHECK(staged.size() == 0);
  const auto roomy = OpenStore(dir.path());
  REQUIRE_OK(roomy->CheckFreeSpace(1));
  REQUIRE_STATUS(roomy->CheckFreeSpace(INT64_MAX), StatusCode::kResourceExhausted, "DISK_FULL");
}

TEST_CASE("Copies that a crash left half-made are removed, however young, uploads are not",
          "[storage]") {
  const TempDir dir;
  static_cast<void>(OpenStore(dir.path()));
  for (const char* name : {"staging/.put-old", "staging/.put-new", "staging/upload"}) {
    WriteFile(dir.File(name), "x");
  }
  const utimbuf long_ago = {1000, 1000};
  REQUIRE(utime(dir.File("staging/.put-old").c_str(), &long_ago) == 0);
  REQUIRE(utime(dir.File("staging/upload").c_str(), &long_ago) == 0);
  const auto store = OpenStore(dir.path());
  CHECK_FALSE(std::filesystem::exists(dir.File("staging/.put-old")));
  CHECK_FALSE(std::filesystem::exists(dir.File("staging/.put-new")));  // a member's text, perhaps
  CHECK(store->ListStaging().value() == std::vector<std::string>{"upload"});
  CHECK(store->StagingBytes().value() == 1);
}

}  // namespace
}  // namespace kalavai
