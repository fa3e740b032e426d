// Goal: what is released is what was fused, under a digest that the same fusion always gives; and
// nothing that must not be released is. Method: figures by hand; the directory written twice, under
// other names and times; a router file of another fusion.
#include "coordinator/fusion/model_release.h"

#include <filesystem>
#include <set>

#include "nlohmann/json.hpp"

#include "common/crypto/model_signature.h"
#include "tests/unit/coordinator/fusion/fusion_fixture.h"

namespace kalavai::coordinator {
namespace {

FusionRecord Succeeded() {
  FusionRecord fusion = QueuedFusion("f");
  fusion.state = FusionState::kSucceeded;
  fusion.figures = ExampleFigures();
  return fusion;
}

TEST_CASE("A fusion is released when it succeeded, and worse models with a reason", "[fusion]") {
  const auto refused = absl::StatusCode::kFailedPrecondition;
  for (const FusionState state :
       {FusionState::kQueued, FusionState::kProbing, FusionState::kTrainingRouter,
        FusionState::kEvaluating, FusionState::kFailed}) {
    FusionRecord fusion = QueuedFusion("f");
    fusion.state = state;
    REQUIRE_STATUS(CheckReleasable(fusion, "a reason"), refused, "FUSION_NOT_SUCCEEDED");
  }
  FusionRecord fusion = Succeeded();
  REQUIRE_OK(CheckReleasable(fusion, ""));
  fusion.figures->guard_met = false;
  REQUIRE_STATUS(CheckReleasable(fusion, ""), refused, "GUARD_NOT_MET");
  REQUIRE_OK(CheckReleasable(fusion, "law is small and known to be worse"));
}

TEST_CASE("model.json names every part by digest, and who acknowledged what", "[fusion]") {
  REQUIRE_OK_AND_ASSIGN(const std::string text, ModelJson(Succeeded(), "known"));
  const nlohmann::json model = nlohmann::json::parse(text);
  CHECK(model["base_digest"] == Sha256Of("base").Hex());
  CHECK(model["charter_digest"] == "c0ffee");
  CHECK(model["router_digest"] == Sha256Of("router").Hex());
  CHECK(model["report_digest"] == Sha256Of("report").Hex());
  CHECK(model["acknowledged_reason"] == "known");
  REQUIRE(model["experts"].size() == 3);
  CHECK(model["experts"][2]["root_digest"] == Sha256Of("bo").Hex());
  const std::string card = ModelCard(Succeeded(), "known");
  CHECK(card.find("acknowledged: known") != std::string::npos);
  CHECK(card.find("# Fusion\n") != std::string::npos);
  CHECK(ModelCard(Succeeded(), "").find("acknowledged") == std::string::npos);
  CHECK(model["mixture"] == "probability");
  CHECK(card.find("the specialists' probabilities are mixed") != std::string::npos);
  FusionRecord logit = Succeeded();
  logit.mixture = Mixture::kLogit;
  REQUIRE_OK_AND_ASSIGN(const std::string of_logits, ModelJson(logit, ""));
  CHECK(nlohmann::json::parse(of_logits)["mixture"] == "logit");
  CHECK(ModelCard(logit, "").find("the specialists' logits are mixed") != std::string::npos);
  FusionRecord broken = Succeeded();
  broken.figures->report_json = "[]";
  REQUIRE_STATUS(ModelJson(broken, ""), absl::StatusCode::kInvalidArgument, "JSON_INVALID");
}

TEST_CASE("The same fusion is the same model, whatever it is called and whenever", "[fusion]") {
  const testing::TempDir temp;
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  testing::WriteFile(temp.File("router"), "router");  // the bytes behind router_digest
  std::set<std::string> roots;
  for (const std::string id : {"a", "b"}) {
    const ReleaseOptions options = {.name = "cooperatives/nordic/models/" + id,
                                    .directory = temp.File(id),
                                    .router_path = temp.File("router"),
                                    .acknowledged_reason = "",
                                    .now = id == "a" ? kNow : kNow + absl::Hours(1)};
    REQUIRE_OK_AND_ASSIGN(const ReleasedModel released, WriteRelease(Succeeded(), key, options));
    CHECK_FALSE(std::filesystem::exists(options.directory));  // not before it is installed
    REQUIRE_OK(InstallRelease(released));
    REQUIRE_OK_AND_ASSIGN(const ModelManifest manifest,
                          VerifyDirectory(options.directory, key.public_key()));
    CHECK(manifest.root_digest == released.root_digest);
    CHECK(released.files.size() == 4);
    for (const ReleasedFile& file : released.files) {
      INFO(file.path);
      const std::string bytes = testing::ReadFile(options.directory + "/" + file.path);
      CHECK(file.sha256 == Sha256Of(bytes));
      CHECK(file.size_bytes == static_cast<int64_t>(bytes.size()));
    }
    roots.insert(released.root_digest.Hex());
  }
  CHECK(roots.size() == 1);
}

TEST_CASE("A router that is not the fusion's is not released", "[fusion]") {
  const testing::TempDir temp;
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  testing::WriteFile(temp.File("router"), "another router");
  const ReleaseOptions options = {.name = "cooperatives/nordic/models/m",
                                  .directory = temp.File("m"),
                                  .router_path = temp.File("router"),
                                  .acknowledged_reason = "",
                                  .now = kNow};
  REQUIRE_STATUS(WriteRelease(Succeeded(), key, options), absl::StatusCode::kDataLoss,
                 "DIGEST_MISMATCH");
  CHECK_FALSE(std::filesystem::exists(options.directory));
}

TEST_CASE("Directories of no model on record are found and removed, others and files are not",
          "[fusion]") {
  const testing::TempDir temp;
  const std::string models = temp.File("models");
  const auto on_record = [](const std::string& model) -> absl::StatusOr<bool> {
    return model == "cooperatives/nordic/models/served";
  };
  CHECK(ListStrayReleases(models, on_record).value().empty());  // nothing was ever released
  for (const char* const name :
       {"nordic/served", "nordic/killed", "nordic/served.partial", "baltic/served"}) {
    std::filesystem::create_directories(models + "/" + name);
    testing::WriteFile(models + "/" + name + "/router.safetensors", "router");
  }
  testing::WriteFile(models + "/nordic/notes.txt", "an administrator's");
  REQUIRE_OK_AND_ASSIGN(const auto stray, ListStrayReleases(models, on_record));
  CHECK(stray == std::vector<std::string>{models + "/baltic/served", models + "/nordic/killed",
                                          models + "/nordic/served.partial"});
  REQUIRE_OK(RemoveStrayReleases(models, on_record));
  CHECK(ListStrayReleases(models, on_record).value().empty());
  CHECK(std::filesystem::exists(models + "/nordic/served/router.safetensors"));
  CHECK(std::filesystem::exists(models + "/nordic/notes.txt"));
  const auto unreadable = [](const std::string&) -> absl::StatusOr<bool> {
    return absl::UnavailableError("locked");
  };
  CHECK_FALSE(RemoveStrayReleases(models, unreadable).ok());
  CHECK(std::filesystem::exists(models + "/nordic/served"));
}

}  // namespace
}  // namespace kalavai::coordinator
