// A fusion of the base and two specialists with figures chosen by hand, for tests of what reads
// them.
#ifndef KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_FUSION_FIXTURE_H_
#define KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_FUSION_FIXTURE_H_

#include <string>

#include "coordinator/fusion/fusion_store.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {

inline std::string FusionName(const std::string& id) { return "cooperatives/nordic/fusions/" + id; }

inline FusionRecord QueuedFusion(const std::string& id) {
  FusionRecord record;
  record.name = FusionName(id);
  record.cooperative = "cooperatives/nordic";
  record.seed = 7;
  record.input_json = "{\"seed\":7}";
  record.create_time = kNow;
  record.experts.resize(1);  // the base
  record.experts[0].root_digest = Sha256Of("base");
  for (const std::string member : {"ann", "bo"}) {
    record.experts.push_back({.submission = "cooperatives/nordic/submissions/" + member + "-1",
                              .contributor = "cooperatives/nordic/contributors/" + member,
                              .domain = member == "ann" ? "law" : "sea",
                              .root_digest = Sha256Of(member)});
  }
  return record;
}

inline FusionFigures ExampleFigures() {
  return {.fused_loss = 1.25,
          .gain_percent = 12.5,
          .oracle_gain_percent = 13,
          .oracle_gap_nats = 0.0625,
          .divergence_percent = 15,
          .guard_met = true,
          .router_digest = Sha256Of("router"),
          .report_digest = Sha256Of("report"),
          .report_json =
              "{\"inputs\":{\"charter_digest\":\"c0ffee\"},\"predicted\":{\"oracle\":"
              "{\"gain_percent\":9,\"low\":8,\"high\":10}}}",
          .report_markdown = "# Fusion\n"};
}

inline MeasuredLosses ExampleLosses() {
  return {.domains = {"law", "sea"},
          .tokens = {100, 200},
          .experts = QueuedFusion("").experts,
          .loss = {{2, 2.5}, {1, 2.5}, {2, 1.5}}};
}

inline void Succeed(FusionStore& store, const std::string& id, const FusionFigures& figures) {
  REQUIRE_OK(store.Create(QueuedFusion(id)));
  REQUIRE_OK(store.SetState(FusionName(id), FusionState::kEvaluating, {}));
  REQUIRE_OK(store.SetSucceeded(FusionName(id), figures, ExampleLosses(), kNow));
}

// Admits the specialists that QueuedFusion fuses.
inline void AdmitExperts(Database& database) {
  for (const FusionExpert& expert : QueuedFusion("").experts) {
    if (expert.submission.empty()) continue;
    REQUIRE_OK(
        database.Execute("INSERT INTO submissions(name, cooperative, contributor, domain, state, "
                         "nonce, create_time) "
                         "VALUES (?1, 'cooperatives/nordic', ?2, ?3, 'ADMITTED', ?1, 1)",
                         expert.submission, expert.contributor, expert.domain));
  }
}

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_FUSION_FIXTURE_H_
