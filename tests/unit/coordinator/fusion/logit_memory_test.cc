// Goal: a mixture of logits that cannot fit is refused with the figures, everything else is not.
// Method: plans by hand over a base's config.json, with memory to the byte.
#include "coordinator/fusion/logit_memory.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/probe/logit_pass.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {
namespace {

struct Site {
  testing::TempDir directory;
  std::unique_ptr<BlobStore> blobs;
  ModelConfig config;
  FusionPlan plan;

  explicit Site(size_t specialists) {
    testing::WriteTinyBase(directory.File("base"), 1);
    REQUIRE_OK_AND_ASSIGN(blobs,
                          BlobStore::Open(directory.File("blobs"), {.free_space_floor_bytes = 0}));
    const std::string path = directory.File("base/config.json");
    REQUIRE_OK_AND_ASSIGN(config, ModelConfig::FromJson(testing::ReadFile(path)));
    REQUIRE_OK_AND_ASSIGN(const Digest digest, blobs->PutFile(path));
    plan.experts.resize(specialists + 1);
    plan.expert_files.resize(specialists + 1);
    plan.expert_files[0] = {{"config.json", digest}};
    plan.inputs.mixture = Mixture::kLogit;
    plan.inputs.chunk_tokens = 32;
  }

  absl::Status Check(std::optional<int64_t> available) const {
    return CheckLogitMemory(*blobs, plan, available);
  }
};

TEST_CASE("A mixture of logits needs room for all models, to the byte", "[fusion]") {
  for (const size_t specialists : {size_t{2}, size_t{20}}) {
    const Site site(specialists);
    const int64_t needed = LogitPassBytes(site.config, static_cast<int64_t>(specialists) + 1, 32);
    REQUIRE_OK(site.Check(needed));
    REQUIRE_OK(site.Check(INT64_MAX));
    REQUIRE_OK(site.Check(std::nullopt));  // not known is not too little
    for (const int64_t available : {needed - 1, int64_t{1}, int64_t{0}}) {
      const absl::Status status = site.Check(available);
      REQUIRE_STATUS(status, absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY");
      const auto text = GetErrorDetail(status)->text;
      CHECK(text.metadata.at("needed") == absl::StrCat(needed));
      CHECK(text.metadata.at("available") == absl::StrCat(available));
      CHECK(absl::StrContains(status.message(), absl::StrCat(specialists, " specialists")));
      CHECK(absl::StrContains(text.fix, "--mixture probability"));
    }
  }
}

TEST_CASE("A mixture of probabilities holds one model at a time", "[fusion]") {
  Site site(20);
  site.plan.inputs.mixture = Mixture::kProbability;
  REQUIRE_OK(site.Check(0));
}

TEST_CASE("A base without a configuration is named", "[fusion]") {
  Site site(2);
  site.plan.expert_files[0].clear();
  REQUIRE_STATUS(site.Check(0), absl::StatusCode::kFailedPrecondition, "CHECKPOINT_INVALID");
}

}  // namespace
}  // namespace kalavai::coordinator
