// Goal: a file operation that fails leaves the old content or the new, a blob is visible only under
// its own digest, and the same call again succeeds. Method: every file call of each operation fails
// in turn (every_call.h).
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/status_macros.h"
#include "common/crypto/signing_key.h"
#include "common/safetensors/reader.h"
#include "common/safetensors/writer.h"
#include "common/storage/atomic_file.h"
#include "common/storage/blob_store.h"
#include "tests/faults/every_call.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using testing::ForEveryFault;
using testing::ReadFile;
using testing::WriteFile;

const std::string kOld(5000, 'o');
const std::string kNew(9000, 'n');

absl::StatusOr<std::unique_ptr<BlobStore>> OpenStore(const std::string& directory) {
  return BlobStore::Open(directory + "/blobs", {.free_space_floor_bytes = 0});
}

// Every blob has its digest; the store opens.
void InspectBlobs(const std::string& directory) {
  REQUIRE_OK_AND_ASSIGN(const auto store, OpenStore(directory));
  REQUIRE_OK_AND_ASSIGN(const std::vector<Digest> digests, store->List());
  for (const Digest& digest : digests) REQUIRE_OK(store->Check(digest));
}

TEST_CASE("A replaced file is the old one or the new one", "[faults]") {
  const int64_t runs = ForEveryFault(
      {.prepare = [](const std::string& dir) { WriteFile(dir + "/f", kOld); },
       .act = [](const std::string& dir) { return WriteFileAtomically(dir + "/f", kNew); },
       .inspect =
           [](const std::string& dir, bool done) {
             const std::string content = ReadFile(dir + "/f");
             REQUIRE((content == kNew || (!done && content == kOld)));
           }});
  CHECK(runs > 20);
}

TEST_CASE("A file of pieces is whole or absent", "[faults]") {
  const std::vector<absl::string_view> pieces = {kOld, "", kNew};
  ForEveryFault(
      {.act = [&](const std::string& dir) { return WritePiecesAtomically(dir + "/f", pieces); },
       .inspect =
           [](const std::string& dir, bool done) {
             if (!done && !std::filesystem::exists(dir + "/f")) return;
             REQUIRE(ReadFile(dir + "/f") == kOld + kNew);
           }});
}

TEST_CASE("A created file is whole, or absent so that it can be created again", "[faults]") {
  bool finished = false;
  ForEveryFault({.prepare = [&](const std::string&) { finished = false; },
                 .act =
                     [&](const std::string& dir) {
                       if (finished) return absl::OkStatus();  // it can be created only once
                       const absl::Status status = CreateFileAtomically(dir + "/f", kNew);
                       finished = status.ok();
                       return status;
                     },
                 .inspect =
                     [](const std::string& dir, bool done) {
                       if (!done && !std::filesystem::exists(dir + "/f")) return;
                       REQUIRE(ReadFile(dir + "/f") == kNew);
                     },
                 .refusal_after_persistent = "FILE_EXISTS"});
}

TEST_CASE("A directory is made with its parents or can be made again", "[faults]") {
  ForEveryFault(
      {.act = [](const std::string& dir) { return EnsureDirectory(dir + "/a/b/c", 0700); },
       .inspect =
           [](const std::string& dir, bool done) {
             if (!done) return;
             const auto permissions = std::filesystem::status(dir + "/a/b/c").permissions();
             REQUIRE(permissions == std::filesystem::perms::owner_all);
           }});
}

TEST_CASE("A signing key is saved whole and private, or not at all", "[faults]") {
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  bool finished = false;
  ForEveryFault({.prepare = [&](const std::string&) { finished = false; },
                 .act =
                     [&](const std::string& dir) {
                       if (finished) return absl::OkStatus();
                       const absl::Status status = key.SaveToFile(dir + "/key");
                       finished = status.ok();
                       return status;
                     },
                 .inspect =
                     [&](const std::string& dir, bool done) {
                       if (!done && !std::filesystem::exists(dir + "/key")) return;
                       REQUIRE_OK_AND_ASSIGN(const SigningKey loaded,
                                             SigningKey::LoadFromFile(dir + "/key"));
                       REQUIRE(loaded.public_key().Pem() == key.public_key().Pem());
                     },
                 .refusal_after_persistent = "KEY_EXISTS"});
}

TEST_CASE("A safetensors file is whole or absent", "[faults]") {
  const std::vector<float> values(3000, 1.5F);
  const auto write = [&](const std::string& dir) {
    return WriteSafetensors(dir + "/model.safetensors",
                            {{.name = "a",
                              .dtype = Dtype::kF32,
                              .shape = {3000},
                              .bytes = std::as_bytes(std::span(values))}});
  };
  ForEveryFault({.act = write, .inspect = [](const std::string& dir, bool done) {
                   if (!done && !std::filesystem::exists(dir + "/model.safetensors")) return;
                   REQUIRE(std::filesystem::file_size(dir + "/model.safetensors") > 12000);
                   REQUIRE_OK(
                       SafetensorsFile::Open(dir + "/model.safetensors", SafetensorsMode::kUpload));
                 }});
}

TEST_CASE("A blob of bytes is in the store or can be put again", "[faults]") {
  ForEveryFault({.act = [](const std::string& dir) -> absl::Status {
                   ASSIGN_OR_RETURN(const auto store, OpenStore(dir));
                   return store->PutBytes(kNew).status();
                 },
                 .inspect =
                     [](const std::string& dir, bool done) {
                       InspectBlobs(dir);
                       if (done) REQUIRE(OpenStore(dir).value()->Contains(Sha256Of(kNew)));
                     }});
}

TEST_CASE("A copied file is in the store or can be put again", "[faults]") {
  ForEveryFault({.prepare = [](const std::string& dir) { WriteFile(dir + "/source", kNew); },
                 .act = [](const std::string& dir) -> absl::Status {
                   ASSIGN_OR_RETURN(const auto store, OpenStore(dir));
                   return store->PutFile(dir + "/source").status();
                 },
                 .inspect =
                     [](const std::string& dir, bool done) {
                       InspectBlobs(dir);
                       if (done) REQUIRE(OpenStore(dir).value()->Contains(Sha256Of(kNew)));
                     }});
}

// As an upload does: goes on where the bytes end, syncs, commits; done is done.
absl::Status Upload(const std::string& directory) {
  ASSIGN_OR_RETURN(const auto store, OpenStore(directory));
  const Digest digest = Sha256Of(kNew);
  if (store->Contains(digest)) return absl::OkStatus();
  auto opened = store->OpenStaging("upload");
  if (absl::IsNotFound(opened.status())) opened = store->CreateStaging("upload");
  ASSIGN_OR_RETURN(StagedBlob staged, std::move(opened));
  while (staged.size() < static_cast<int64_t>(kNew.size())) {
    const auto bytes = absl::string_view(kNew).substr(static_cast<size_t>(staged.size()), 4000);
    RETURN_IF_ERROR(staged.Append(staged.size(), bytes));
    RETURN_IF_ERROR(staged.Sync());
  }
  return staged.Commit(digest);
}

TEST_CASE("An upload goes on after any fault, and its blob is right", "[faults]") {
  const int64_t runs =
      ForEveryFault({.act = Upload, .inspect = [](const std::string& dir, bool done) {
                       InspectBlobs(dir);
                       if (!done) return;
                       const auto store = OpenStore(dir).value();
                       REQUIRE(store->Contains(Sha256Of(kNew)));
                       REQUIRE(store->ListStaging().value().empty());
                     }});
  CHECK(runs > 50);
}

TEST_CASE("A staged file that failed in one object is repeatable in the same object", "[faults]") {
  for (testing::Fault fault : testing::AllFaults()) {
    if (fault.persistent) continue;
    for (fault.call = 1;; ++fault.call) {
      const testing::TempDir temp;
      REQUIRE_OK_AND_ASSIGN(const auto store, OpenStore(temp.path()));
      REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->CreateStaging("u"));
      testing::FaultyFileSystem faults(temp.path(), fault);
      absl::Status status = staged.Append(0, kNew);
      if (!status.ok()) status = staged.Append(0, kNew);  // nothing had changed
      REQUIRE_OK(status);
      status = staged.Commit(Sha256Of(kNew));
      faults.Disarm();
      INFO(faults.failed_call() << ": " << status.ToString());
      // A failed sync ends the object and takes back what is unsynced: nothing here.
      if (!status.ok() && staged.size() == 0) {
        REQUIRE_FALSE(staged.Commit(Sha256Of(kNew)).ok());
        REQUIRE(store->OpenStaging("u").value().size() == 0);
      } else if (!status.ok()) {
        REQUIRE_OK(staged.Commit(Sha256Of(kNew)));
      }
      InspectBlobs(temp.path());
      if (!faults.fired()) break;
    }
  }
}

TEST_CASE("Discarding and deleting remove wholly, or can be repeated", "[faults]") {
  ForEveryFault({.prepare =
                     [](const std::string& dir) {
                       REQUIRE_OK_AND_ASSIGN(const auto store, OpenStore(dir));
                       REQUIRE_OK(store->PutBytes(kNew));
                       REQUIRE_OK_AND_ASSIGN(StagedBlob staged, store->CreateStaging("u"));
                       REQUIRE_OK(staged.Append(0, kOld));
                     },
                 .act = [](const std::string& dir) -> absl::Status {
                   ASSIGN_OR_RETURN(const auto store, OpenStore(dir));
                   auto staged = store->OpenStaging("u");
                   if (staged.ok()) RETURN_IF_ERROR(staged->Discard());
                   if (!staged.ok() && !absl::IsNotFound(staged.status())) {
                     return staged.status();
                   }
                   const absl::Status deleted = store->Delete(Sha256Of(kNew));
                   return absl::IsNotFound(deleted) ? absl::OkStatus() : deleted;
                 },
                 .inspect =
                     [](const std::string& dir, bool done) {
                       InspectBlobs(dir);
                       const auto store = OpenStore(dir).value();
                       if (done) REQUIRE(store->List().value().empty());
                       if (done) REQUIRE(store->ListStaging().value().empty());
                     }});
}

}  // namespace
}  // namespace kalavai
