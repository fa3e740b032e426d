// Goal: a good submission is admitted, and every way to break one has its own verdict and reason.
// Method: a small signed specialist; a table of changes, each with the state and reason it must
// get; changes before signing (a dishonest member) and after (somebody on the way).
#include "coordinator/submission/admission.h"

#include <filesystem>
#include <functional>
#include <limits>

#include "common/model/model_config.h"
#include "tests/support/catch.h"
#include "tests/unit/coordinator/submission/candidate_fixture.h"

namespace kalavai::coordinator {
namespace {

using Fixture = CandidateFixture;
using State = SubmissionState;

AdmissionOutcome Outcome(const AdmissionCandidate& candidate) {
  absl::StatusOr<AdmissionOutcome> outcome = Admit(candidate);
  REQUIRE_OK(outcome);
  return *std::move(outcome);
}

TEST_CASE("A specialist of the base, signed and better than it, is admitted", "[submission]") {
  const Fixture fixture;
  const AdmissionOutcome outcome = Outcome(fixture.Candidate());
  INFO(outcome.Reason());
  CHECK(outcome.state == State::kAdmitted);
  CHECK(outcome.checks.size() == 13);
  for (const CheckResult& check : outcome.checks) CHECK(check.passed);
  REQUIRE(outcome.divergence_percent.has_value());
  REQUIRE_NEAR(*outcome.divergence_percent, 15.0, 1e-9);
  REQUIRE(outcome.root_digest.has_value());
  CHECK(*outcome.root_digest == RootDigest(EnumerateDirectory(fixture.directory).value()));
}

TEST_CASE("A config.json that says the same in other words is the base's", "[submission]") {
  Fixture fixture;
  const std::string published = R"({"model_type":"llama","vocab_size":300,"hidden_size":32,
      "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":64,
      "rope_theta":100000.0,"torch_dtype":"bfloat16","transformers_version":"4.40.0"})";
  REQUIRE_OK_AND_ASSIGN(ModelConfig config, ModelConfig::FromJson(published));
  testing::WriteFile(fixture.base_directory + "/config.json", published);
  testing::WriteFile(fixture.directory + "/config.json", config.ToJson());
  fixture.binding["base_digest"] = fixture.BaseDigest().Hex();
  fixture.WriteAll();
  const AdmissionOutcome same = Outcome(fixture.Candidate());
  INFO(same.Reason());
  CHECK(same.state == State::kAdmitted);

  config.rotary_base = 10000.0;
  testing::WriteFile(fixture.directory + "/config.json", config.ToJson());
  fixture.Sign();
  const AdmissionOutcome other = Outcome(fixture.Candidate());
  CHECK(other.state == State::kRejected);
  CHECK(other.Reason() == "BASE_MISMATCH");
}

struct Case {
  const char* name;
  State state;
  const char* reason;
  std::function<void(Fixture&)> change;
};

void FlipBit(const std::string& path) {
  std::string bytes = testing::ReadFile(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  testing::WriteFile(path, bytes);
}

void SetBinding(Fixture& f, const char* field, const std::string& value) {
  f.binding[field] = value;
  f.WriteAll();
}

TEST_CASE("Every broken submission has its own verdict and reason", "[submission]") {
  const std::string other(64, 'e');
  const Case cases[] = {
      {"extra file", State::kRejected, "FILE_NOT_ALLOWED",
       [](Fixture& f) {
         testing::WriteFile(f.directory + "/model.py", "print()");
         f.Sign();
       }},
      {"missing report", State::kRejected, "FILE_MISSING",
       [](Fixture& f) {
         std::filesystem::remove(f.directory + "/privacy.json");
         f.Sign();
       }},
      {"no signature", State::kRejected, "FILE_MISSING",
       [](Fixture& f) { std::filesystem::remove(f.directory + "/model.sig"); }},
      {"another member's key", State::kRejected, "KEY_MISMATCH",
       [](Fixture& f) { REQUIRE_OK(SignDirectory(f.coordinator_key, f.directory)); }},
      {"weights changed after signing", State::kRejected, "MANIFEST_MISMATCH",
       [](Fixture& f) { FlipBit(f.directory + "/model.safetensors"); }},
      {"another's nonce", State::kRejected, "NONCE_MISMATCH",
       [&](Fixture& f) { SetBinding(f, "nonce", other); }},
      {"another member", State::kRejected, "NONCE_MISMATCH",
       [](Fixture& f) {
         SetBinding(f, "contributor", "cooperatives/nordic/contributors/st-john");
       }},
      {"another cooperative", State::kRejected, "NONCE_MISMATCH",
       [](Fixture& f) { SetBinding(f, "cooperative", "cooperatives/southern"); }},
      {"another coordinator", State::kRejected, "NONCE_MISMATCH",
       [&](Fixture& f) { SetBinding(f, "coordinator_key_hint", other); }},
      {"another base", State::kRejected, "BASE_MISMATCH",
       [&](Fixture& f) { SetBinding(f, "base_digest", other); }},
      {"duplicate key in submission.json", State::kRejected, "JSON_INVALID",
       [](Fixture& f) {
         testing::WriteFile(f.directory + "/submission.json", R"({"nonce":"1","nonce":"2"})");
         f.Sign();
       }},
      {"config differs", State::kRejected, "BASE_MISMATCH",
       [](Fixture& f) {
         testing::WriteFile(f.directory + "/config.json",
                            R"({"model_type":"gpt_neox","hidden_size":64})");
         f.Sign();
       }},
      {"tokenizer differs", State::kRejected, "TOKENIZER_MISMATCH",
       [](Fixture& f) {
         testing::WriteFile(f.directory + "/tokenizer.json", R"({"model":{"type":"WPE"}})");
         f.Sign();
       }},
      {"not safetensors", State::kRejected, "SAFETENSORS_HEADER_TOO_LARGE",
       [](Fixture& f) {
         testing::WriteFile(f.directory + "/model.safetensors", "PK\x03\x04 a pickle in a zip");
         f.Sign();
       }},
      {"a tensor is missing", State::kRejected, "WEIGHTS_INVALID",
       [](Fixture& f) {
         f.weights.pop_back();
         f.WriteAll();
       }},
      {"a tensor of another shape", State::kRejected, "WEIGHTS_INVALID",
       [](Fixture& f) {
         f.weights[3].second.resize(kWidth);
         f.WriteAll();
       }},
      {"a tensor too many", State::kRejected, "SIZE_MISMATCH",
       [](Fixture& f) {
         // Beyond the base's bytes and a header's limit: refused by size already.
         f.weights.push_back({"extra.weight", std::vector<float>(6 << 20)});
         f.WriteAll();
       }},
      {"divergence misstated", State::kRejected, "REPORT_INVALID",
       [](Fixture& f) {
         f.divergence["divergence_percent"] = 15.1;
         f.WriteAll();
       }},
      {"divergence of another domain", State::kRejected, "REPORT_INVALID",
       [](Fixture& f) {
         f.divergence["domain"] = "legal";
         f.WriteAll();
       }},
      {"privacy report empty", State::kRejected, "REPORT_INVALID",
       [](Fixture& f) {
         testing::WriteFile(f.directory + "/privacy.json", "{}");
         f.Sign();
       }},
      {"frozen tensor changed", State::kQuarantined, "BASE_MISMATCH",
       [](Fixture& f) {
         f.weights[1].second[5] += 1e-6F;
         f.WriteAll();
       }},
      {"frozen embedding changed", State::kQuarantined, "BASE_MISMATCH",
       [](Fixture& f) {
         f.weights[0].second[0] += 1e-6F;
         f.WriteAll();
       }},
      {"NaN weight", State::kQuarantined, "WEIGHTS_NOT_FINITE",
       [](Fixture& f) {
         f.weights[3].second.back() = std::numeric_limits<float>::quiet_NaN();
         f.WriteAll();
       }},
      {"infinite weight", State::kQuarantined, "WEIGHTS_NOT_FINITE",
       [](Fixture& f) {
         f.weights[2].second[0] = -std::numeric_limits<float>::infinity();
         f.WriteAll();
       }},
      {"trained from something else", State::kQuarantined, "BASE_MISMATCH",
       [](Fixture& f) {
         f.weights[2].second = Fixture::Values(999);
         f.WriteAll();
       }},
      {"the base itself", State::kQuarantined, "COPY_OF_OTHER",
       [](Fixture& f) {
         f.weights = f.base_weights;
         f.WriteAll();
       }},
      {"no better than the base", State::kQuarantined, "DIVERGENCE_NEGATIVE",
       [](Fixture& f) {
         f.SetLosses(3.0, 3.0);
         f.WriteAll();
       }},
      {"worse than the base", State::kQuarantined, "DIVERGENCE_NEGATIVE",
       [](Fixture& f) {
         f.SetLosses(3.0, 3.3);
         f.WriteAll();
       }},
  };
  for (const Case& broken : cases) {
    INFO(broken.name);
    Fixture fixture;
    broken.change(fixture);
    const AdmissionOutcome outcome = Outcome(fixture.Candidate());
    INFO(outcome.checks.back().message);
    CHECK(SubmissionStateName(outcome.state) == SubmissionStateName(broken.state));
    CHECK(outcome.Reason() == broken.reason);
    CHECK_FALSE(outcome.checks.empty());
  }
}

TEST_CASE("No single bit of the signed statement or signature can change", "[submission]") {
  Fixture fixture;
  const std::string path = fixture.directory + "/model.sig";
  const std::string bundle = testing::ReadFile(path);
  for (const char* field : {"\"payload\":\"", "\"sig\":\""}) {
    const size_t at = bundle.find(field) + std::string(field).size() + 8;
    std::string changed = bundle;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    testing::WriteFile(path, changed);
    const AdmissionOutcome outcome = Outcome(fixture.Candidate());
    CHECK(outcome.state == State::kRejected);
    CHECK(outcome.checks.back().check == "signature");
  }
}

TEST_CASE("Weights of another submission are quarantined whatever the file's header",
          "[submission]") {
  const Fixture fixture;
  AdmissionCandidate candidate = fixture.Candidate();
  const Digest mine = Outcome(candidate).weights_digest.value();
  candidate.find_copy = [&](const Digest& weights) {
    return weights == mine ? std::optional<std::string>("cooperatives/nordic/submissions/x-1")
                           : std::nullopt;
  };
  const AdmissionOutcome outcome = Outcome(candidate);
  CHECK(outcome.state == State::kQuarantined);
  CHECK(outcome.Reason() == "COPY_OF_OTHER");
  for (const CheckResult& check : outcome.checks) {
    CHECK_FALSE(absl::StrContains(check.message, "x-1"));  // whose it is stays with administrators
  }
}

TEST_CASE("A quarantined submission shows everything that is wrong with it", "[submission]") {
  Fixture fixture;
  fixture.weights[0].second[0] += 1e-6F;
  fixture.weights[3].second[1] = std::numeric_limits<float>::infinity();
  fixture.SetLosses(3.0, 3.5);
  fixture.WriteAll();
  const AdmissionOutcome outcome = Outcome(fixture.Candidate());
  CHECK(outcome.state == State::kQuarantined);
  std::vector<std::string> reasons;
  for (const CheckResult& check : outcome.checks) {
    if (!check.passed) reasons.push_back(check.reason);
  }
  // The infinite tensor is far from the base, too.
  CHECK(reasons == std::vector<std::string>{"BASE_MISMATCH", "WEIGHTS_NOT_FINITE", "BASE_MISMATCH",
                                            "DIVERGENCE_NEGATIVE"});
}

TEST_CASE("A disk that fails is our error, not the member's verdict", "[submission]") {
  const Fixture fixture;
  AdmissionCandidate candidate = fixture.Candidate();
  for (CandidateFile& file : candidate.files) {
    if (file.path == "model.safetensors") file.location += ".gone";
  }
  CHECK_FALSE(Admit(candidate).ok());
}

}  // namespace
}  // namespace kalavai::coordinator
