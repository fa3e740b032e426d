// Goal: a journal gives back exactly the whole blocks that were written for this key and shape, and
// nothing else, whatever happened to the file. Method: blocks of known numbers; the file cut at
// every byte, changed at many, and opened for another pass.
#include "common/probe/probe_journal.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/storage/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

constexpr int64_t kHeadBytes = 8 + 32 + 5 * 8;
// Two chunks of three tokens, width 2: 4 + 12 numbers and a digest.
constexpr int64_t kBlockBytes = 4 * (4 + 12) + 32;

const ProbeCacheKey kKey{.model_digest = std::string(64, 'a'),
                         .probe_digest = std::string(64, 'b'),
                         .arithmetic_digest = std::string(64, 'e')};
constexpr ProbeJournal::Shape kShape{
    .chunks = 5, .chunk_tokens = 3, .feature_width = 2, .feature_depth = -1, .batch = 2};

std::vector<float> Numbers(int64_t count, float first) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(first - static_cast<float>(i));
  return values;
}

// Two whole blocks and, if `all`, the last with one chunk.
void WriteBlocks(const std::string& path, bool all) {
  REQUIRE_OK_AND_ASSIGN(ProbeJournal journal, ProbeJournal::Open(path, kKey, kShape));
  REQUIRE(journal.chunk_count() == 0);
  REQUIRE_OK(journal.Append(Numbers(4, -1), Numbers(12, 100)));
  REQUIRE_OK(journal.Append(Numbers(4, -5), Numbers(12, 200)));
  if (all) REQUIRE_OK(journal.Append(Numbers(2, -9), Numbers(6, 300)));
}

int64_t ChunksIn(const std::string& path) {
  REQUIRE_OK_AND_ASSIGN(ProbeJournal journal, ProbeJournal::Open(path, kKey, kShape));
  const std::vector<float> log_probs = journal.TakeLogProbs();
  const std::vector<float> features = journal.TakeFeatures();
  REQUIRE(static_cast<int64_t>(log_probs.size()) == 2 * journal.chunk_count());
  REQUIRE(static_cast<int64_t>(features.size()) == 6 * journal.chunk_count());
  if (!log_probs.empty()) REQUIRE(log_probs[0] == -1);
  return journal.chunk_count();
}

TEST_CASE("Blocks come back, and a whole journal is complete", "[probe]") {
  const testing::TempDir dir;
  const std::string path = dir.File("pass.partial");
  WriteBlocks(path, /*all=*/true);
  CHECK(std::filesystem::file_size(path) ==
        static_cast<uint64_t>(kHeadBytes + 2 * kBlockBytes + 4 * (2 + 6) + 32));
  REQUIRE_OK_AND_ASSIGN(ProbeJournal journal, ProbeJournal::Open(path, kKey, kShape));
  CHECK(journal.chunk_count() == 5);
  std::vector<float> expected = Numbers(4, -1);
  for (const float value : Numbers(4, -5)) expected.push_back(value);
  for (const float value : Numbers(2, -9)) expected.push_back(value);
  CHECK(journal.TakeLogProbs() == expected);
}

TEST_CASE("A file cut at any byte keeps the blocks before the cut, and can be gone on with",
          "[probe]") {
  const testing::TempDir dir;
  const std::string whole = dir.File("whole");
  WriteBlocks(whole, /*all=*/false);
  for (int64_t size = 0; size <= kHeadBytes + 2 * kBlockBytes; size += 3) {
    CAPTURE(size);
    const std::string path = dir.File("cut");
    std::filesystem::copy_file(whole, path, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, static_cast<uint64_t>(size));
    const int64_t blocks = size < kHeadBytes ? 0 : (size - kHeadBytes) / kBlockBytes;
    REQUIRE(ChunksIn(path) == 2 * blocks);
    REQUIRE_OK_AND_ASSIGN(ProbeJournal journal, ProbeJournal::Open(path, kKey, kShape));
    if (blocks == 2) continue;
    REQUIRE_OK(journal.Append(blocks == 0 ? Numbers(4, -1) : Numbers(4, -5), Numbers(12, 0)));
    REQUIRE(ChunksIn(path) == 2 * blocks + 2);
  }
}

TEST_CASE("A changed byte ends the journal before its block", "[probe]") {
  const testing::TempDir dir;
  const std::string whole = dir.File("whole");
  WriteBlocks(whole, /*all=*/false);
  REQUIRE_OK_AND_ASSIGN(const std::string bytes, ReadFileBounded(whole, 1 << 20));
  for (size_t at = 0; at < bytes.size(); at += 5) {
    CAPTURE(at);
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const std::string path = dir.File("changed");
    REQUIRE_OK(WriteFileAtomically(path, changed));
    const int64_t block = static_cast<int64_t>(at) < kHeadBytes
                              ? 0
                              : (static_cast<int64_t>(at) - kHeadBytes) / kBlockBytes;
    REQUIRE(ChunksIn(path) == 2 * block);
  }
}

TEST_CASE("Another model, text or shape begins anew", "[probe]") {
  const testing::TempDir dir;
  const std::function<void(ProbeCacheKey&, ProbeJournal::Shape&)> changes[] = {
      [](ProbeCacheKey& key, ProbeJournal::Shape&) { key.model_digest[0] = 'c'; },
      [](ProbeCacheKey& key, ProbeJournal::Shape&) { key.probe_digest[0] = 'c'; },
      [](ProbeCacheKey& key, ProbeJournal::Shape&) { key.arithmetic_digest[0] = 'c'; },
      [](ProbeCacheKey&, ProbeJournal::Shape& shape) { shape.chunks = 6; },
      [](ProbeCacheKey&, ProbeJournal::Shape& shape) { shape.chunk_tokens = 4; },
      [](ProbeCacheKey&, ProbeJournal::Shape& shape) { shape.feature_width = 0; },
      [](ProbeCacheKey&, ProbeJournal::Shape& shape) { shape.feature_depth = 1; },
      [](ProbeCacheKey&, ProbeJournal::Shape& shape) { shape.batch = 1; },
  };
  for (const auto& change : changes) {
    const std::string path = dir.File("pass.partial");
    std::filesystem::remove(path);
    WriteBlocks(path, /*all=*/false);
    ProbeCacheKey key = kKey;
    ProbeJournal::Shape shape = kShape;
    change(key, shape);
    REQUIRE_OK_AND_ASSIGN(const ProbeJournal other, ProbeJournal::Open(path, key, shape));
    CHECK(other.chunk_count() == 0);
    CHECK(ChunksIn(path) == 0);
  }
}

TEST_CASE("A journal that cannot be written says so", "[probe]") {
  const testing::TempDir dir;
  REQUIRE_STATUS(ProbeJournal::Open(dir.File("no/such/folder"), kKey, kShape),
                 absl::StatusCode::kNotFound, "FILE_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai
