// Goal: a fusion is planned from what may be fused, in one order, or refused before any compute.
// Method: a cooperative made ready step by step in a real database, asked at every step.
#include "coordinator/fusion/fusion_input.h"

#include <cstdint>
#include <string>

#include "common/base/limits.h"
#include "common/probe/gate_statistics.h"
#include "tests/unit/coordinator/submission_rows.h"

namespace kalavai::coordinator {
namespace {

struct Site {
  Site() : checkpoints(*rows.database), submissions(*rows.database) { rows.AddMember("cy", "sea"); }

  absl::StatusOr<FusionPlan> Plan(const FusionWish& wish) {
    return PlanFusion(
        {.cooperatives = rows.cooperatives, .checkpoints = checkpoints, .submissions = submissions},
        wish);
  }

  void AddBase() {
    CheckpointRow base;
    base.cooperative = "nordic";
    base.root_digest = Sha256Of("base");
    base.files = {{.path = "config.json", .size_bytes = 1, .digest = Sha256Of("base config")}};
    REQUIRE_OK(checkpoints.Put(base, kNow));
  }

  void AddProbeText(const std::string& domain, bool public_class) {
    REQUIRE_OK(rows.cooperatives.InsertProbeText({.cooperative = "nordic",
                                                  .domain = domain,
                                                  .public_class = public_class,
                                                  .format = "txt",
                                                  .digest = Sha256Of(domain),
                                                  .size_bytes = 1,
                                                  .router_documents = 1,
                                                  .evaluation_documents = 1},
                                                 kNow));
  }

  // Everything a fusion needs; bo's is quarantined.
  std::string ann, bo, cy;
  void MakeReady() {
    AddBase();
    for (const char* domain : {"law", "sea"}) AddProbeText(domain, false);
    // Not in the order of their names.
    cy = AddSubmission(*rows.database, "cy", "sea", SubmissionState::kAdmitted);
    bo = AddSubmission(*rows.database, "bo", "sea", SubmissionState::kQuarantined);
    ann = AddSubmission(*rows.database, "ann", "law", SubmissionState::kAdmitted);
  }

  CooperativeFixture rows;
  CheckpointStore checkpoints;
  SubmissionStore submissions;
};

FusionWish Wish() {
  FusionWish wish;
  wish.cooperative = "nordic";
  wish.seed = 3;
  return wish;
}

TEST_CASE("What is missing is named, one thing after the other", "[fusion]") {
  Site site;
  const auto refused = absl::StatusCode::kFailedPrecondition;
  REQUIRE_STATUS(site.Plan(Wish()), refused, "BASE_CHECKPOINT_MISSING");
  site.AddBase();
  REQUIRE_STATUS(site.Plan(Wish()), refused, "NOT_ENOUGH_SPECIALISTS");
  AddSubmission(*site.rows.database, "ann", "law", SubmissionState::kAdmitted);
  REQUIRE_STATUS(site.Plan(Wish()), refused, "NOT_ENOUGH_SPECIALISTS");
  AddSubmission(*site.rows.database, "cy", "sea", SubmissionState::kAdmitted);
  REQUIRE_STATUS(site.Plan(Wish()), refused, "PROBE_TEXT_MISSING");
  site.AddProbeText("sea", false);
  site.AddProbeText("general", true);  // a public class stands for no domain
  REQUIRE_STATUS(site.Plan(Wish()), refused, "PROBE_TEXT_MISSING");
  site.AddProbeText("law", false);
  REQUIRE_OK(site.Plan(Wish()));
}

TEST_CASE("Gate statistics do for a domain's text where some other domain counts", "[fusion]") {
  Site site;
  site.AddBase();
  site.ann = AddSubmission(*site.rows.database, "ann", "law", SubmissionState::kAdmitted);
  site.cy = AddSubmission(*site.rows.database, "cy", "sea", SubmissionState::kAdmitted);
  for (const std::string& submission : {site.ann, site.cy}) {
    REQUIRE_OK(site.rows.database->Execute(
        "INSERT INTO submission_files(submission, path, size_bytes, digest, held) "
        "VALUES (?, ?, 1, ?, 1)",
        submission, kGateStatisticsFile, Sha256Of(submission)));
  }
  const auto refused = absl::StatusCode::kFailedPrecondition;
  REQUIRE_STATUS(site.Plan(Wish()), refused, "PROBE_TEXT_MISSING");
  site.AddProbeText("general", true);  // no figure counts a public class
  const auto plan = site.Plan(Wish());
  REQUIRE_STATUS(plan, refused, "PROBE_TEXT_MISSING");
  CHECK(std::string(plan.status().message()).find("at least one domain needs some") !=
        std::string::npos);
  site.AddProbeText("law", false);
  REQUIRE_OK_AND_ASSIGN(const FusionPlan done, site.Plan(Wish()));
  CHECK_FALSE(done.statistics[1].has_value());  // law has text now
  CHECK(done.statistics[2].has_value());
}

TEST_CASE("The base comes first, then the submissions by name, model files only", "[fusion]") {
  Site site;
  site.MakeReady();
  REQUIRE_OK_AND_ASSIGN(const FusionPlan plan, site.Plan(Wish()));
  REQUIRE(plan.experts.size() == 3);
  CHECK(plan.experts[0].submission.empty());
  CHECK(plan.experts[0].root_digest == Sha256Of("base"));
  CHECK(plan.experts[1].submission == site.ann);
  CHECK(plan.experts[2].submission == site.cy);
  CHECK(plan.inputs.experts[2].label == "cy");
  CHECK(plan.inputs.experts[2].root_digest == Sha256Of("cy").Hex());
  REQUIRE(plan.expert_files[1].size() == 2);  // no submission.json
  CHECK(plan.expert_files[1][1].path == "model.safetensors");
  CHECK(plan.expert_files[1][1].digest == Sha256Of("annmodel.safetensors"));
  REQUIRE(plan.inputs.left_out.size() == 1);
  CHECK(plan.inputs.left_out[0].submission == site.bo);
  CHECK(plan.inputs.left_out[0].state == "QUARANTINED");
  CHECK(plan.inputs.left_out[0].reason == "COPY_OF_OTHER");
  CHECK(plan.inputs.charter_digest == Sha256Of("{\"charter\":1}").Hex());
  CHECK(plan.inputs.chunk_tokens == 32);
  CHECK(plan.inputs.seed == 3);
  CHECK(plan.probe_texts.size() == 2);
}

TEST_CASE("The order of a wish changes nothing, and it may wish for admitted ones only",
          "[fusion]") {
  Site site;
  site.MakeReady();
  REQUIRE_OK_AND_ASSIGN(const FusionPlan all, site.Plan(Wish()));
  FusionWish wish = Wish();
  wish.submissions = {site.cy, site.ann};
  REQUIRE_OK_AND_ASSIGN(const FusionPlan chosen, site.Plan(wish));
  CHECK(chosen.experts == all.experts);
  CHECK(ReportInputsJson(chosen.inputs) == ReportInputsJson(all.inputs));
  wish.submissions = {site.ann, site.bo};
  REQUIRE_STATUS(site.Plan(wish), absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED");
  wish.submissions = {site.ann, site.ann};
  REQUIRE_STATUS(site.Plan(wish), absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  wish.submissions = {site.ann};
  REQUIRE_STATUS(site.Plan(wish), absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS");
  REQUIRE_OK(site.rows.cooperatives.Withdraw("nordic", "cy", kNow));
  REQUIRE_STATUS(site.Plan(Wish()), absl::StatusCode::kFailedPrecondition,
                 "NOT_ENOUGH_SPECIALISTS");
}

TEST_CASE("Steps and threads have bounds", "[fusion]") {
  Site site;
  site.MakeReady();
  struct Case {
    int64_t steps, threads;
    bool ok;
  };
  for (const Case& row :
       {Case{1, 1, true}, Case{limits::kFusionStepsMax, 1024, true}, Case{0, 1, false},
        Case{-1, 1, false}, Case{limits::kFusionStepsMax + 1, 1, false}, Case{500, 0, false},
        Case{500, 1025, false}, Case{INT64_MIN, 1, false}, Case{INT64_MAX, 1, false},
        Case{500, -1, false}, Case{500, INT64_MIN, false}, Case{500, INT64_MAX, false}}) {
    INFO(row.steps << " steps, " << row.threads << " threads");
    FusionWish wish = Wish();
    wish.steps = row.steps;
    wish.threads = row.threads;
    const auto plan = site.Plan(wish);
    CHECK(plan.ok() == row.ok);
    if (!plan.ok()) CHECK(GetErrorReason(plan.status()) == "FIELD_INVALID");
  }
}

TEST_CASE("A missing byte is named before any compute", "[fusion]") {
  Site site;
  site.MakeReady();
  REQUIRE_OK_AND_ASSIGN(const FusionPlan plan, site.Plan(Wish()));
  REQUIRE_OK_AND_ASSIGN(const auto blobs, BlobStore::Open(site.rows.temp.File("blobs"),
                                                          {.free_space_floor_bytes = 0}));
  const auto refused = absl::StatusCode::kNotFound;
  REQUIRE_STATUS(CheckBytes(*blobs, plan), refused, "BLOB_NOT_FOUND");
  // One after the other, until nothing is missing.
  for (const std::string bytes :
       {"law", "sea", "base config", "annconfig.json", "annmodel.safetensors", "cyconfig.json"}) {
    REQUIRE_OK(blobs->PutBytes(bytes));
    REQUIRE_STATUS(CheckBytes(*blobs, plan), refused, "BLOB_NOT_FOUND");
  }
  REQUIRE_OK(blobs->PutBytes("cymodel.safetensors"));
  REQUIRE_OK(CheckBytes(*blobs, plan));
}

TEST_CASE("A superseded specialist is not fused anew, and what was begun with it goes on",
          "[fusion]") {
  Site site;
  site.MakeReady();
  FusionWish wish = Wish();
  wish.submissions = {site.ann, site.cy};
  REQUIRE_OK(site.Plan(wish));
  REQUIRE_OK(site.rows.database->Execute(
      "UPDATE submissions SET superseded_by = 'a newer one' WHERE name = ?", site.cy));
  const auto plan = site.Plan(wish);
  REQUIRE_STATUS(plan, absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED");
  wish.superseded = true;
  REQUIRE_OK(site.Plan(wish));
}

}  // namespace
}  // namespace kalavai::coordinator
