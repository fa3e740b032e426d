// Goal: a pass gives the model's losses and the base's hidden states, repeats, and can be stopped.
// Method: a tiny base; its losses compared with the evaluation protocol's.
#include "common/probe/probe_pass.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/corpus/documents.h"
#include "common/model/determinism.h"
#include "common/model/loss.h"
#include "common/model/weights.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

using testing::TempDir;

ProbeText MakeProbe(const std::string& base) {
  REQUIRE_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(base + "/tokenizer.json"));
  std::vector<ProbeDocuments> texts;
  for (int language = 0; language < 2; ++language) {
    ProbeDocuments text = {.domain = "language" + std::to_string(language)};
    const std::string all = testing::TinyText(language, 60);
    for (size_t at = 0; at + 400 <= all.size(); at += 400) {
      text.documents.push_back(all.substr(at, 400));
    }
    texts.push_back(text);
  }
  REQUIRE_OK_AND_ASSIGN(
      ProbeText probe,
      BuildProbeText(*tokenizer, texts, {.chunk_tokens = 32, .chunks_per_part = 5}));
  return probe;
}

TEST_CASE("A pass agrees with the evaluation protocol and repeats bit for bit", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3, /*bfloat16=*/true);
  const ProbeText probe = MakeProbe(directory.path());
  const std::string digest(64, 'a');
  int64_t seen = 0;
  const ProbePassOptions options = {.features = true, .progress = [&seen](int64_t done, int64_t) {
                                      seen = done;
                                      return absl::OkStatus();
                                    }};
  REQUIRE_OK_AND_ASSIGN(const ProbeCache cache,
                        RunProbePass(directory.path(), digest, probe, options));
  REQUIRE(seen == probe.chunk_count());
  REQUIRE(cache.feature_width == 32);
  REQUIRE(cache.features.size() == static_cast<size_t>(probe.chunk_count() * 32 * 32));
  REQUIRE_OK(CheckProbeCache(probe, cache));
  const std::vector<double> losses = LossesByChunk(probe, cache);
  double mean = 0;
  for (const double loss : losses) mean += loss / static_cast<double>(losses.size());
  REQUIRE_OK_AND_ASSIGN(const Transformer model,
                        LoadTransformer(directory.path(), {.type = WeightType::kFloat32}));
  REQUIRE_OK_AND_ASSIGN(const double expected,
                        MeanLoss(model, {.tokens = probe.tokens, .chunk_length = 32}));
  REQUIRE_NEAR(mean, expected, 1e-5);
  REQUIRE_OK_AND_ASSIGN(const ProbeCache again,
                        RunProbePass(directory.path(), digest, probe, options));
  REQUIRE(again.log_probs == cache.log_probs);
  REQUIRE(again.features == cache.features);
}

TEST_CASE("Products in bfloat16 give nearly the same losses, from float32 weights", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3, /*bfloat16=*/false);
  const ProbeText probe = MakeProbe(directory.path());
  const std::string digest(64, 'a');
  REQUIRE_OK_AND_ASSIGN(const ProbeCache exact, RunProbePass(directory.path(), digest, probe, {}));
  REQUIRE_OK_AND_ASSIGN(const ProbeCache fast,
                        RunProbePass(directory.path(), digest, probe, {.bfloat16_products = true}));
  REQUIRE(fast.log_probs != exact.log_probs);
  const std::vector<double> a = LossesByChunk(probe, exact);
  const std::vector<double> b = LossesByChunk(probe, fast);
  for (size_t i = 0; i < a.size(); ++i) REQUIRE_NEAR(b[i], a[i], 0.02);
}

TEST_CASE("Trunk features are the stream after so many blocks", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  const ProbeText probe = MakeProbe(directory.path());
  REQUIRE_OK_AND_ASSIGN(const ProbeCache trunk,
                        RunProbePass(directory.path(), std::string(64, 'a'), probe,
                                     {.features = true, .feature_depth = 0}));
  REQUIRE_OK_AND_ASSIGN(const Transformer model, LoadTransformer(directory.path(), {}));
  // Depth 0 is the embedding itself.
  const at::Tensor row = model.embed_in_VD[probe.tokens[0]].contiguous();
  REQUIRE(std::equal(row.data_ptr<float>(), row.data_ptr<float>() + 32, trunk.features.begin()));
}

absl::StatusOr<ProbeCache> Measure(const std::string& base, const std::string& path,
                                   const ProbeText& probe,
                                   std::function<absl::Status(int64_t, int64_t)> progress) {
  return MeasureModel(base, path, std::string(64, 'a'), probe,
                      {.features = true, .progress = std::move(progress)});
}

TEST_CASE("A pass that ended anywhere goes on from there to the same bytes", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3, /*bfloat16=*/true);
  const ProbeText probe = MakeProbe(directory.path());
  REQUIRE(probe.chunk_count() == 20);  // batches of 8, 8 and 4
  const std::string straight = directory.File("straight");
  REQUIRE_OK(Measure(directory.path(), straight, probe, {}));
  REQUIRE_OK_AND_ASSIGN(const std::string expected, ReadFileBounded(straight, 1 << 26));
  for (const int64_t stop : {8, 16, 20}) {
    CAPTURE(stop);
    const std::string path = directory.File("stopped" + std::to_string(stop));
    const auto stopping = [stop](int64_t done, int64_t) {
      return done < stop ? absl::OkStatus() : absl::CancelledError("stop");
    };
    REQUIRE(absl::IsCancelled(Measure(directory.path(), path, probe, stopping).status()));
    REQUIRE(std::filesystem::exists(path + ".partial"));
    REQUIRE_FALSE(std::filesystem::exists(path));
    std::vector<int64_t> told;
    const auto telling = [&told](int64_t done, int64_t) {
      told.push_back(done);
      return absl::OkStatus();
    };
    REQUIRE_OK(Measure(directory.path(), path, probe, telling));
    std::vector<int64_t> left;
    if (stop < 16) left.push_back(16);
    if (stop < 20) left.push_back(20);
    CHECK(told == left);
    REQUIRE_OK_AND_ASSIGN(const std::string resumed, ReadFileBounded(path, 1 << 26));
    CHECK(resumed == expected);
    CHECK_FALSE(std::filesystem::exists(path + ".partial"));
    // Once whole, no model runs again.
    told.clear();
    REQUIRE_OK(Measure(directory.path(), path, probe, telling));
    CHECK(told.empty());
  }
}

TEST_CASE("Arrays computed otherwise are made again, never mixed", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  const ProbeText probe = MakeProbe(directory.path());
  const std::string path = directory.File("cache");
  const std::string digest(64, 'a');
  int64_t chunks = 0;
  const auto count = [&chunks](int64_t, int64_t) {
    ++chunks;
    return absl::OkStatus();
  };
  const auto made = [&](const ProbePassOptions& options) {
    chunks = 0;
    REQUIRE_OK(MeasureModel(directory.path(), path, digest, probe, options));
    return chunks > 0;
  };
  REQUIRE_OK(SetThreads(1));
  CHECK(made({.progress = count}));
  CHECK_FALSE(made({.progress = count}));
  CHECK(made({.bfloat16_products = true, .progress = count}));
  CHECK(made({.progress = count}));
  REQUIRE_OK(SetThreads(2));
  CHECK(made({.progress = count}));
  REQUIRE_OK(SetThreads(1));
}

TEST_CASE("A damaged cache, and one without the features wanted, is made again", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  const ProbeText probe = MakeProbe(directory.path());
  const std::string path = directory.File("cache");
  REQUIRE_OK(MeasureModel(directory.path(), path, std::string(64, 'a'), probe, {}));
  REQUIRE_OK_AND_ASSIGN(const ProbeCache with, Measure(directory.path(), path, probe, {}));
  CHECK(with.feature_width == 32);
  REQUIRE_OK_AND_ASSIGN(const std::string good, ReadFileBounded(path, 1 << 26));
  std::string bad = good;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
  REQUIRE_OK(WriteFileAtomically(path, bad));
  REQUIRE_OK(Measure(directory.path(), path, probe, {}));
  REQUIRE_OK_AND_ASSIGN(const std::string again, ReadFileBounded(path, 1 << 26));
  CHECK(again == good);
}

TEST_CASE("A pass stops when told to, and refuses a text of another vocabulary", "[probe]") {
  const TempDir directory;
  testing::WriteTinyBase(directory.path(), 3);
  ProbeText probe = MakeProbe(directory.path());
  const ProbePassOptions stop = {
      .progress = [](int64_t, int64_t) { return absl::CancelledError("stop"); }};
  REQUIRE(RunProbePass(directory.path(), std::string(64, 'a'), probe, stop).status().code() ==
          absl::StatusCode::kCancelled);
  probe.tokens[5] = 100000;
  REQUIRE_STATUS(RunProbePass(directory.path(), std::string(64, 'a'), probe, {}),
                 absl::StatusCode::kFailedPrecondition, "TOKENIZER_MISMATCH");
}

}  // namespace
}  // namespace kalavai
