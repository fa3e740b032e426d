// The outcome of a fusion with figures chosen by hand: two domains and a public class, the base and
// two specialists. For tests of the report and its page.
#ifndef KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_OUTCOME_FIXTURE_H_
#define KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_OUTCOME_FIXTURE_H_

#include "coordinator/fusion/fusion_report.h"

namespace kalavai::coordinator {

inline FusionOutcome ExampleOutcome() {
  FusionOutcome outcome;
  outcome.domains = {"law", "sea", "general"};
  outcome.public_class = {0, 0, 1};
  outcome.tokens = {100, 200, 300};
  outcome.chunks = {4, 8, 12};
  outcome.experts = {{{2, 2, 1.5}, 2}, {{1, 2, 1.75}, 1.5}, {{2, 1.5, 1.75}, 1.75}};
  outcome.uniform = {{1.5, 1.75, 1.625}, 1.625};
  outcome.weight_average = DomainLosses{{1.75, 1.875, 1.5}, 1.8125};
  outcome.oracle = {{1, 1.5, 1.5}, 1.25};
  outcome.token_oracle = {{0.5, 1, 1}, 0.75};
  outcome.fused = {{1.0625, 1.5625, 1.5}, 1.3125};
  outcome.share = {{0.25, 0.5, 0.25}, {0.125, 0.125, 0.75}, {1, 0, 0}};
  outcome.best_specialist = 1;
  outcome.divergence.specialist_percent = {50.0, std::nullopt};
  outcome.divergence.mean_percent = 50;
  outcome.gain_percent = 12.5;
  outcome.oracle_gain_percent = 16.625;
  outcome.efficiency = 0.75;
  outcome.collapse_threshold_nats = 0.0125;
  outcome.collapsed = true;
  outcome.guard = {{1, 6.25, false}, {1.5, -4, true}, {1.5, 0, true}};
  outcome.guard_met = false;
  outcome.positions = {{0, 4, 2, 1.5}, {4, 64, 1, 0.75}};
  outcome.oracle_forecast = {.gain_percent = 17, .interval = {.low = 15, .high = 19}};
  outcome.credit_nats = {.shapley = {0.5, 0.25}, .leave_one_out = {0.5, 0.25}, .total = 0.75};
  outcome.credit_percent = {.shapley = {25, 12.5}, .leave_one_out = {25, 12.5}, .total = 37.5};
  outcome.router = UniformRouter(3);
  return outcome;
}

inline ReportRouter ExampleRouter() {
  ReportRouter router;
  router.digest = "r0";
  return router;
}

inline ReportInputs ExampleInputs() {
  ReportInputs inputs;
  inputs.cooperative = "cooperatives/nordic";
  inputs.base_digest = "b0";
  inputs.charter_digest = "c0";
  inputs.probe_digest = "d0";
  inputs.experts.resize(3);
  inputs.experts[0].label = "base";
  inputs.experts[0].root_digest = "b0";
  inputs.experts[1] = {.label = "ann",
                       .submission = "cooperatives/nordic/submissions/ann-1",
                       .contributor = "cooperatives/nordic/contributors/ann",
                       .domain = "law",
                       .root_digest = "a1"};
  inputs.experts[2] = {.label = "bo",
                       .submission = "cooperatives/nordic/submissions/bo-1",
                       .contributor = "cooperatives/nordic/contributors/bo",
                       .domain = "sea",
                       .root_digest = "b1"};
  inputs.left_out = {{.submission = "cooperatives/nordic/submissions/cy-1",
                      .contributor = "cooperatives/nordic/contributors/cy",
                      .domain = "sea",
                      .state = "QUARANTINED",
                      .reason = "COPY_OF_OTHER"}};
  inputs.seed = 7;
  inputs.steps = 500;
  inputs.threads = 1;
  inputs.chunk_tokens = 64;
  inputs.program_version = "0.1.0";
  return inputs;
}

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_OUTCOME_FIXTURE_H_
