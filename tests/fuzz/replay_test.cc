// Goal: what the fuzzers once found or reached stays true under the ordinary compiler, and the
// targets never rot. Method: every target over each file of its corpus, over golden files of its
// kind, and over mutations of them from a fixed seed; a broken property aborts with its sentence.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/base/seeded_random.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::fuzz {
namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;  // of its folder in tests/fuzz/corpus
  void (*run)(absl::string_view input);
  std::vector<const char*> golden;  // more seeds: files and folders of tests/golden
};

const std::vector<Target>& Targets() {
  static const std::vector<Target>& targets = *new std::vector<Target>{
      {"json", FuzzJson, {"tokenizer/digits.json", "gpt_neox/parallel/config.json"}},
      {"safetensors_file", FuzzSafetensorsFile, {"safetensors"}},
      {"safetensors_header", FuzzSafetensorsHeader, {}},
      {"model_signature", FuzzModelSignature, {"model_signature", "model_signature/cases"}},
      {"model_statement", FuzzModelStatement, {}},
      {"tokenizer",
       FuzzTokenizer,
       {"tokenizer/digits.json", "tokenizer/neox.json", "tokenizer/qwen.json",
        "tokenizer/trained.json"}},
      {"model_config",
       FuzzModelConfig,
       {"decoder/llama_llama3/config.json", "decoder/qwen2_gqa/config.json",
        "gpt_neox/parallel/config.json", "gpt_neox/sequential/config.json"}},
      {"envelope", FuzzEnvelope, {}},
      {"charter", FuzzCharter, {}},
      {"invitation", FuzzInvitation, {}},
      {"certificate", FuzzCertificate, {"model_signature/P-256.public.pem"}},
      {"resource_name", FuzzResourceName, {}},
      {"page_token", FuzzPageToken, {}},
      {"documents", FuzzDocuments, {}},
  };
  return targets;
}

// The files of a folder (not of its folders), or the file itself; by path.
std::vector<std::string> FilesOf(const fs::path& path) {
  if (fs::is_regular_file(path)) return {path.string()};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> SeedsOf(const Target& target) {
  std::vector<std::string> files =
      FilesOf(fs::path(KALAVAI_SOURCE_DIR "/tests/fuzz/corpus") / target.name);
  for (const char* golden : target.golden) {
    const auto more = FilesOf(fs::path(KALAVAI_GOLDEN_DIR) / golden);
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

// One to four of: a byte changed, a range removed, a range repeated.
std::string Mutate(std::string bytes, SeededRandom& random) {
  const int64_t steps = 1 + random.Below(4);
  for (int64_t step = 0; step < steps && !bytes.empty(); ++step) {
    const auto size = static_cast<int64_t>(bytes.size());
    const auto begin = static_cast<size_t>(random.Below(size));
    const auto length = static_cast<size_t>(1 + random.Below(std::min<int64_t>(size, 32)));
    switch (random.Below(3)) {
      case 0:
        bytes[begin] = static_cast<char>(random.Below(256));
        break;
      case 1:
        bytes.erase(begin, length);
        break;
      default:
        bytes.insert(begin, bytes.substr(static_cast<size_t>(random.Below(size)), length));
    }
  }
  return bytes;
}

TEST_CASE("Every corpus has inputs, and every folder of inputs has a target", "[fuzz]") {
  std::vector<std::string> names;
  for (const Target& target : Targets()) {
    INFO(target.name);
    CHECK(FilesOf(fs::path(KALAVAI_SOURCE_DIR "/tests/fuzz/corpus") / target.name).size() >= 2);
    names.emplace_back(target.name);
  }
  uintmax_t bytes = 0;
  for (const auto& entry :
       fs::recursive_directory_iterator(KALAVAI_SOURCE_DIR "/tests/fuzz/corpus")) {
    if (entry.is_regular_file()) bytes += entry.file_size();
    if (!entry.is_directory()) continue;
    INFO(entry.path().filename().string());
    CHECK(std::count(names.begin(), names.end(), entry.path().filename().string()) == 1);
  }
  CHECK(bytes < 1'000'000);
}

TEST_CASE("Properties of parsers hold over their corpora and mutations of them", "[fuzz]") {
  constexpr int kMutations = 12;
  for (const Target& target : Targets()) {
    SECTION(target.name) {
      SeededRandom random(20'260'101);
      for (const std::string& path : SeedsOf(target)) {
        INFO(path);
        const std::string seed = testing::ReadFile(path);
        target.run(seed);
        for (int i = 0; i < kMutations; ++i) {
          INFO("mutation " << i);
          target.run(Mutate(seed, random));
        }
      }
      SUCCEED("no property was broken");
    }
  }
}

}  // namespace
}  // namespace kalavai::fuzz
