// A base and a specialist of four small tensors, signed as a member signs, as files an
// AdmissionCandidate can point at. For the tests of this folder.
#ifndef KALAVAI_TESTS_UNIT_COORDINATOR_SUBMISSION_CANDIDATE_FIXTURE_H_
#define KALAVAI_TESTS_UNIT_COORDINATOR_SUBMISSION_CANDIDATE_FIXTURE_H_

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/crypto/model_signature.h"
#include "common/crypto/signing_key.h"
#include "common/safetensors/writer.h"
#include "coordinator/submission/admission.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {

inline constexpr int kWidth = 32;  // matrices of 32 × 32: large enough for the lineage check

class CandidateFixture {
 public:
  using Weights = std::vector<std::pair<std::string, std::vector<float>>>;

  CandidateFixture()
      : member_key(SigningKey::Create().value()),
        coordinator_key(SigningKey::Create().value()),
        base_directory(temp.File("base")),
        directory(temp.File("st-mary")) {
    std::filesystem::create_directory(base_directory);
    std::filesystem::create_directory(directory);
    const std::string names[] = {"gpt_neox.embed_in.weight",
                                 "gpt_neox.layers.0.attention.dense.weight",
                                 "gpt_neox.layers.1.attention.dense.weight", "embed_out.weight"};
    for (const std::string& name : names) base_weights.push_back({name, Values(name.size())});
    weights = base_weights;
    for (size_t t = 2; t < weights.size(); ++t) {
      for (float& value : weights[t].second) value += 0.001F;
    }
    WriteWeights(base_directory, base_weights);
    testing::WriteFile(base_directory + "/config.json", kConfig);
    testing::WriteFile(base_directory + "/tokenizer.json", kTokenizer);
    testing::WriteFile(directory + "/config.json", kConfig);
    testing::WriteFile(directory + "/tokenizer.json", kTokenizer);
    testing::WriteFile(directory + "/privacy.json",
                       R"({"schema":"kalavai.privacy/1","audited":false,)"
                       R"("differential_privacy":false})");
    binding = {{"schema", "kalavai.submission/1"},
               {"coordinator_key_hint", coordinator_key.public_key().Hint()},
               {"cooperative", "cooperatives/nordic"},
               {"contributor", "cooperatives/nordic/contributors/st-mary"},
               {"domain", "medical"},
               {"nonce", std::string(64, '7')},
               {"base_digest", BaseDigest().Hex()},
               {"freeze_depth", 1}};
    SetLosses(4.0, 3.4);
    WriteAll();
  }

  static std::vector<float> Values(size_t seed) {
    std::vector<float> values;
    uint32_t state = static_cast<uint32_t>(seed) * 2654435761U + 1U;
    for (int i = 0; i < kWidth * kWidth; ++i) {
      state = state * 1664525U + 1013904223U;
      values.push_back(static_cast<float>(state >> 8) / 16777216.0F - 0.5F);
    }
    return values;
  }

  static void WriteWeights(const std::string& where, const Weights& tensors) {
    std::vector<TensorView> views;
    for (const auto& [name, values] : tensors) {
      views.push_back({.name = name,
                       .dtype = Dtype::kF32,
                       .shape = {static_cast<int64_t>(values.size()) / kWidth, kWidth},
                       .bytes = std::as_bytes(std::span(values))});
    }
    REQUIRE_OK(WriteSafetensors(where + "/model.safetensors", views));
  }

  void SetLosses(double base_loss, double own_loss) {
    divergence = {{"schema", "kalavai.divergence/1"},
                  {"domain", "medical"},
                  {"base_loss", base_loss},
                  {"own_loss", own_loss},
                  {"divergence_percent", 100.0 * (base_loss - own_loss) / base_loss},
                  {"held_out_tokens", 1000},
                  {"steps", 100}};
  }

  // Writes what the members say and signs it; call after changing them.
  void WriteAll() {
    WriteWeights(directory, weights);
    testing::WriteFile(directory + "/submission.json", binding.dump());
    testing::WriteFile(directory + "/divergence.json", divergence.dump());
    REQUIRE_OK(SignDirectory(member_key, directory));
  }
  void Sign() { REQUIRE_OK(SignDirectory(member_key, directory)); }

  static std::vector<CandidateFile> Files(const std::string& where) {
    std::vector<CandidateFile> files;
    for (const auto& entry : std::filesystem::directory_iterator(where)) {
      files.push_back({.path = entry.path().filename().string(),
                       .digest = Sha256OfFile(entry.path().string()).value(),
                       .size_bytes = static_cast<int64_t>(entry.file_size()),
                       .location = entry.path().string()});
    }
    return files;
  }

  Digest BaseDigest() const { return RootDigest(EnumerateDirectory(base_directory).value()); }

  AdmissionCandidate Candidate() const {
    return {.coordinator_key_hint = coordinator_key.public_key().Hint(),
            .cooperative = "cooperatives/nordic",
            .contributor = "cooperatives/nordic/contributors/st-mary",
            .domain = "medical",
            .nonce = std::string(64, '7'),
            .base_digest = BaseDigest(),
            .freeze_depth = 1,
            .signing_key = member_key.public_key(),
            .files = Files(directory),
            .base_files = Files(base_directory),
            .find_copy = [](const Digest&) { return std::optional<std::string>(); }};
  }

  static constexpr char kConfig[] = R"({"model_type":"gpt_neox","hidden_size":32})";
  static constexpr char kTokenizer[] = R"({"model":{"type":"BPE"}})";

  testing::TempDir temp;
  SigningKey member_key;
  SigningKey coordinator_key;
  std::string base_directory;
  std::string directory;
  Weights base_weights;
  Weights weights;
  nlohmann::json binding;
  nlohmann::json divergence;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_UNIT_COORDINATOR_SUBMISSION_CANDIDATE_FIXTURE_H_
