#include "tests/experiments/fusion/cooperative.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"
#include "common/forecast/interval.h"
#include "common/forecast/rows.h"
#include "common/router/gate_evaluation.h"
#include "common/router/router_file.h"
#include "common/router/router_training.h"
#include "coordinator/admin/report_plots.h"
#include "coordinator/fusion/fusion_figures.h"
#include "coordinator/fusion/fusion_report.h"
#include "tests/experiments/fusion/experiment_arrays.h"
#include "tests/experiments/fusion/gate_runs.h"
#include "tests/experiments/fusion/gate_summary.h"
#include "tests/experiments/fusion/whole_vocabulary.h"

namespace kalavai::experiment {
namespace {

using Json = nlohmann::json;

// A gate of features alone is the filter that redraws at every token; its prior is learned with as
// little of the uniform one as the arithmetic allows.
constexpr double kAlwaysRedraw = 1 - 1e-9;
constexpr double kFeatureGateEta = 1e-3;

struct Fused {
  std::vector<PlanMember> members = {};
  std::vector<std::string> experts = {};  // names, the base first
  std::vector<std::string> domains = {};  // the members', then public ones
  int counted = 0;
  std::vector<int> domain_expert = {};  // [domains] best on the evaluation part
  ExperimentArrays router_part;
  ExperimentArrays evaluation_part;
  TrainedRouter trained;
  coordinator::FusionOutcome outcome;
  Json seconds = Json::object();
};

double SecondsSince(absl::Time start) { return absl::ToDoubleSeconds(absl::Now() - start); }

absl::Status ChooseDomains(const ModelMeasurements& measurements, Fused& fused) {
  fused.experts.emplace_back(kBaseName);
  for (const PlanMember& member : fused.members) {
    fused.experts.push_back(member.name);
    if (std::find(fused.domains.begin(), fused.domains.end(), member.domain) ==
        fused.domains.end()) {
      fused.domains.push_back(member.domain);
    }
  }
  fused.counted = static_cast<int>(fused.domains.size());
  for (const ProbeDomain& domain : measurements.probe().domains) {
    if (domain.public_class) fused.domains.push_back(domain.name);
  }
  return absl::OkStatus();
}

absl::Status FindDomainExperts(Fused& fused) {
  const std::vector<double> none;
  for (size_t d = 0; d < fused.domains.size(); ++d) {
    int best = 0;
    for (size_t i = 1; i < fused.outcome.experts.size(); ++i) {
      if (fused.outcome.experts[i].by_domain[d] <
          fused.outcome.experts[static_cast<size_t>(best)].by_domain[d]) {
        best = static_cast<int>(i);
      }
    }
    fused.domain_expert.push_back(best);
  }
  return absl::OkStatus();
}

// Losses of a model that is no expert, [domains] on the evaluation part; those of the base where it
// was not measured.
std::vector<double> MixedLosses(const ModelMeasurements& measurements, const Fused& fused,
                                const std::string& name) {
  const bool measured = measurements.pure_caches().contains(name);
  const std::vector<double> all = MeanLosses(
      measurements.probe(), measurements.pure_caches().at(measured ? name : std::string(kBaseName)),
      ProbePart::kEvaluation);
  std::vector<double> losses;
  for (const std::string& wanted : fused.domains) {
    for (size_t d = 0; d < all.size(); ++d) {
      if (measurements.probe().domains[d].name == wanted) losses.push_back(all[d]);
    }
  }
  return losses;
}

absl::StatusOr<Fused> Fuse(const ModelMeasurements& measurements,
                           const std::vector<std::string>& names,
                           const CooperativeOptions& options) {
  Fused fused;
  ASSIGN_OR_RETURN(fused.members, MembersNamed(measurements.plan(), names));
  RETURN_IF_ERROR(ChooseDomains(measurements, fused));
  const auto assemble = [&](ProbePart part) {
    return AssembleArrays(measurements.probe(), measurements.pure_caches(), fused.experts,
                          fused.domains, part);
  };
  ASSIGN_OR_RETURN(fused.router_part, assemble(ProbePart::kRouter));
  ASSIGN_OR_RETURN(fused.evaluation_part, assemble(ProbePart::kEvaluation));
  const absl::Time start = absl::Now();
  ASSIGN_OR_RETURN(fused.trained, TrainRouter(fused.router_part.data, {},
                                              {.seed = options.seed, .steps = options.steps}));
  fused.seconds["router_training"] = SecondsSince(start);
  coordinator::FiguresInput input{.router_part = &fused.router_part.data,
                                  .evaluation_part = &fused.evaluation_part.data,
                                  .public_class = {},
                                  .expert_labels = fused.experts,
                                  .expert_domains = {""},
                                  .weight_average_loss = {},
                                  .ladder = fused.trained.Ladder(),
                                  .kept_rung = fused.trained.kept_rung};
  for (size_t d = 0; d < fused.domains.size(); ++d) {
    input.public_class.push_back(d < static_cast<size_t>(fused.counted) ? 0 : 1);
  }
  for (const PlanMember& member : fused.members) input.expert_domains.push_back(member.domain);
  input.weight_average_loss = MixedLosses(measurements, fused, "weight-average");
  ASSIGN_OR_RETURN(fused.outcome, coordinator::ComputeFigures(input));
  RETURN_IF_ERROR(FindDomainExperts(fused));
  return fused;
}

Json ToJson(const Estimate& estimate) {
  return {{"gain_percent", estimate.gain_percent},
          {"low", estimate.interval.low},
          {"high", estimate.interval.high}};
}

std::string RouterDigest(const RouterParameters& router) {
  Sha256 hash;
  for (const NamedArray& array : RouterToTensors(router)) {
    hash.Update(array.name);
    hash.Update(
        {reinterpret_cast<const char*>(array.values.data()), array.values.size() * sizeof(double)});
  }
  return hash.Finish().Hex();
}

// [n][domains] mean losses.
Json LossesOf(const ProbeData& part) {
  Json losses = Json::array();
  for (int i = 0; i < part.experts; ++i) losses.push_back(EvaluateExpert(part, i).domain_loss);
  return losses;
}

Json Summary(const Fused& fused) {
  const coordinator::FusionOutcome& outcome = fused.outcome;
  Json json = {{"members", Json::array()},
               {"experts", fused.experts},
               {"domains", fused.domains},
               {"counted", fused.counted},
               {"specialists", fused.members.size()},
               {"divergence_realised_percent", outcome.divergence.mean_percent.value_or(0)},
               {"oracle", ToJson(outcome.oracle_forecast)},
               {"realised_gain_percent", outcome.gain_percent},
               {"oracle_realised_percent", outcome.oracle_gain_percent},
               {"fused_loss", outcome.fused.equal_weight},
               {"oracle_loss", outcome.oracle.equal_weight},
               {"best_specialist", fused.experts[static_cast<size_t>(outcome.best_specialist)]},
               {"losses", LossesOf(fused.evaluation_part.data)},
               {"predicted_losses", LossesOf(fused.router_part.data)},
               {"rung", std::string(RouterRungName(outcome.router.rung))},
               {"kept_by_training", std::string(RouterRungName(fused.trained.kept_rung))},
               {"training_reason", fused.trained.reason},
               {"alpha", outcome.router.alpha},
               {"collapsed", outcome.collapsed},
               {"guard_met", outcome.guard_met},
               {"router_digest", RouterDigest(outcome.router)}};
  for (const PlanMember& member : fused.members) {
    json["members"].push_back({{"name", member.name}, {"domain", member.domain}});
  }
  if (outcome.predicted_divergence_percent.has_value()) {
    json["divergence_percent"] = *outcome.predicted_divergence_percent;
  }
  if (outcome.line.has_value()) {
    json["line"] = ToJson(outcome.line->estimate);
    json["line"]["in_range"] = outcome.line->in_range;
  }
  if (outcome.coverage.has_value()) json["coverage"] = ToJson(*outcome.coverage);
  return json;
}

// At most so many chunks a domain are what members measure at home (kalavai predict --rows).
constexpr size_t kRowChunks = 32;

// Of the chunks that probe text spread over its documents, `count` at equal distances again.
std::vector<double> Thinned(const std::vector<double>& losses, size_t count) {
  if (losses.size() <= count) return losses;
  std::vector<double> kept;
  for (size_t k = 0; k < count; ++k) kept.push_back(losses[k * losses.size() / count]);
  return kept;
}

double MeanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The estimate `rows` (common/forecast/rows.h) as members would report it: every specialist and the
// base on kRowChunks chunks of the router part of every counted domain.
absl::Status AddRows(const Fused& fused, Json& json) {
  const auto counted = static_cast<size_t>(fused.counted);
  const std::vector<std::vector<std::vector<double>>> chunks =
      ExpertChunkLosses(fused.router_part.data);
  const std::vector<std::string> domains(fused.domains.begin(),
                                         fused.domains.begin() + fused.counted);
  std::vector<MemberRow> rows;
  for (size_t i = 0; i < fused.members.size(); ++i) {
    const auto own = std::find(domains.begin(), domains.end(), fused.members[i].domain);
    MemberRow row{.member = fused.members[i].name,
                  .own_domain = static_cast<int>(own - domains.begin())};
    for (size_t d = 0; d < counted; ++d) {
      const std::vector<double> before = Thinned(chunks[0][d], kRowChunks);
      const std::vector<double> after = Thinned(chunks[i + 1][d], kRowChunks);
      row.losses.push_back(RowLosses{.base_loss = MeanOf(before),
                                     .own_loss = MeanOf(after),
                                     .standard_error = PairedStandardError(before, after),
                                     .chunks = static_cast<int64_t>(before.size())});
    }
    rows.push_back(std::move(row));
  }
  RowsOptions options{.chunk_tokens = fused.router_part.data.rows + 1};
  const double evaluated = static_cast<double>(fused.evaluation_part.data.chunks()) /
                           static_cast<double>(fused.domains.size());
  options.bootstrap.later_share =
      static_cast<double>(rows.front().losses.front()->chunks) / evaluated;
  ASSIGN_OR_RETURN(const Estimate estimate, EstimateRows(rows, domains, options));
  json["rows"] = ToJson(estimate);
  return absl::OkStatus();
}

// The report of a fusion, as the product writes it; digests of inputs are left empty.
absl::Status WriteReport(const Fused& fused, const CooperativeOptions& options) {
  coordinator::ReportInputs inputs;
  inputs.cooperative = "cooperatives/experiment";
  inputs.experts.resize(fused.experts.size());
  for (size_t i = 0; i < fused.experts.size(); ++i) {
    inputs.experts[i].label = fused.experts[i];
    if (i > 0) inputs.experts[i].domain = fused.members[i - 1].domain;
  }
  inputs.seed = options.seed;
  inputs.steps = options.steps;
  coordinator::ReportRouter router{.digest = RouterDigest(fused.outcome.router),
                                   .training_reason = fused.trained.reason,
                                   .kept_rung = fused.trained.kept_rung,
                                   .held_out_loss = {},
                                   .trajectory = fused.trained.trajectory};
  for (const RungEvaluation& rung : fused.outcome.ladder) {
    router.held_out_loss.push_back(fused.trained.HeldOutLoss(rung.rung));
  }
  const coordinator::FusionReport report =
      coordinator::WriteFusionReport(inputs, router, fused.outcome);
  return coordinator::WriteReportDirectory(options.report, report.json, report.markdown);
}

// Texts, and what the segment oracle does on them.
struct Texts {
  const ProbeData* data = nullptr;
  int switch_row = 0;
  std::vector<int> source = {};  // [texts] expert of the first subject
  std::vector<int> target = {};
};

Texts PureTexts(const Fused& fused, const ProbeData& data) {
  Texts texts{.data = &data};
  for (const int32_t d : data.domain) {
    texts.target.push_back(fused.domain_expert[static_cast<size_t>(d)]);
  }
  texts.source = texts.target;
  return texts;
}

// domain[k] is first · counted + second.
Texts SplicedTexts(const Fused& fused, const ProbeData& data) {
  Texts texts{.data = &data, .switch_row = data.rows / 2};
  for (const int32_t pair : data.domain) {
    texts.source.push_back(fused.domain_expert[static_cast<size_t>(pair / fused.counted)]);
    texts.target.push_back(fused.domain_expert[static_cast<size_t>(pair % fused.counted)]);
  }
  return texts;
}

RouterParameters WithAlpha(RouterParameters router, double alpha) {
  router.alpha = alpha;
  return router;
}

// Gates that need no more than the cache. The first run is the oracle.
absl::StatusOr<std::vector<GateRun>> RunGates(const Fused& fused, const TrainedRouter& features,
                                              const Texts& texts) {
  const ProbeData& data = *texts.data;
  std::vector<GateRun> runs = {
      RunExperts("oracle", texts.source, texts.target, texts.switch_row, data)};
  const auto router = [&](const std::string& name, const RouterParameters& parameters) {
    absl::StatusOr<GateRun> run = RunRouter(name, parameters, data);
    if (run.ok()) runs.push_back(*std::move(run));
    return run.status();
  };
  const RouterParameters uniform = UniformRouter(data.experts);
  RETURN_IF_ERROR(router("fused (kept)", fused.outcome.router));
  RETURN_IF_ERROR(router("switching gate, trained prior", fused.trained.trained));
  RETURN_IF_ERROR(router("switching gate, ridge prior", fused.trained.ridge));
  RETURN_IF_ERROR(router("switching gate, uniform prior", uniform));
  RETURN_IF_ERROR(router("switching gate, uniform prior, alpha 0.01", WithAlpha(uniform, 0.01)));
  RETURN_IF_ERROR(router("alpha 0", WithAlpha(uniform, 0)));
  RETURN_IF_ERROR(router("feature gate alone, trained", features.trained));
  RETURN_IF_ERROR(router("feature gate alone, ridge", features.ridge));
  runs.push_back(RunDecayedEvidence("decayed evidence 0.97", 0.97, data));
  runs.push_back(RunDecayedEvidence("decayed evidence 0.9", 0.9, data));
  runs.push_back(RunDecayedEvidence("uniform mixture", 0, data));
  const auto always = [&](const std::string& name, int expert) {
    const std::vector<int> one(data.domain.size(), expert);
    runs.push_back(RunExperts(name, one, one, 0, data));
  };
  always("best single specialist", fused.outcome.best_specialist);
  always("base", 0);
  runs.push_back(RunTokenOracle(data));
  return runs;
}

Json Summarise(const std::vector<GateRun>& runs, const GateRun& oracle, const Texts& texts,
               const Fused& fused) {
  Json rows = Json::array();
  for (const GateRun& run : runs) {
    if (texts.switch_row == 0) {
      rows.push_back(SummarisePure(run, oracle, *texts.data, fused.counted));
    } else {
      rows.push_back(
          SummariseSpliced(run, oracle, *texts.data, texts.switch_row, texts.source, texts.target));
      rows.back()["name"] = run.name;
    }
  }
  return rows;
}

// Of other models, whose gates nobody sees: losses by domain on the evaluation part.
Json ReferenceRows(const ModelMeasurements& measurements, const Fused& fused) {
  Json rows = Json::array();
  std::vector<std::string> names;
  for (const PlanMember& reference : measurements.plan().references) {
    if (measurements.pure_caches().contains(reference.name)) names.push_back(reference.name);
  }
  if (measurements.pure_caches().contains("weight-average")) names.emplace_back("weight-average");
  for (const std::string& name : names) {
    const std::vector<double> losses = MixedLosses(measurements, fused, name);
    Json row = {{"name", name}, {"by_domain", losses}};
    double sum = 0;
    for (int d = 0; d < fused.counted; ++d) sum += losses[static_cast<size_t>(d)];
    row["loss"] = sum / fused.counted;
    row["gap"] = sum / fused.counted - fused.outcome.oracle.equal_weight;
    row["gap_percent"] = 100 * row["gap"].get<double>() / fused.outcome.oracle.equal_weight;
    rows.push_back(row);
  }
  return rows;
}

absl::StatusOr<ExperimentArrays> ReallySpliced(const ModelMeasurements& measurements,
                                               const Fused& fused) {
  std::vector<std::string> pairs;
  std::vector<int32_t> index;
  for (int a = 0; a < fused.counted; ++a) {
    for (int b = 0; b < fused.counted; ++b) {
      if (a == b) continue;
      pairs.push_back(absl::StrCat(fused.domains[static_cast<size_t>(a)], ">",
                                   fused.domains[static_cast<size_t>(b)]));
      index.push_back(a * fused.counted + b);
    }
  }
  ASSIGN_OR_RETURN(ExperimentArrays arrays,
                   AssembleArrays(measurements.spliced(), measurements.spliced_caches(),
                                  fused.experts, pairs, ProbePart::kEvaluation));
  for (int32_t& domain : arrays.domain) domain = index[static_cast<size_t>(domain)];
  arrays.data.domains.assign(static_cast<size_t>(fused.counted * fused.counted), "");
  arrays.Bind();
  return arrays;
}

// The first `count` texts of every domain below `counted`.
ExperimentArrays FirstTexts(const ProbeData& data, int counted, int64_t count) {
  ExperimentArrays arrays;
  std::vector<int64_t> taken(data.domains.size(), 0);
  for (int64_t c = 0; c < data.chunks(); ++c) {
    const int32_t d = data.domain[static_cast<size_t>(c)];
    if (d >= counted || ++taken[static_cast<size_t>(d)] > count) continue;
    arrays.domain.push_back(d);
    arrays.chunk.push_back(data.chunk[static_cast<size_t>(c)]);
    const auto log_prob = data.ChunkLogProb(c);
    const auto hidden = data.ChunkHidden(c);
    arrays.log_prob.insert(arrays.log_prob.end(), log_prob.begin(), log_prob.end());
    arrays.hidden.insert(arrays.hidden.end(), hidden.begin(), hidden.end());
  }
  arrays.data = data;
  arrays.Bind();
  return arrays;
}

absl::StatusOr<Json> CompareWhole(const ModelMeasurements& measurements, const Fused& fused,
                                  const TrainedRouter& features, const ProbeData* spliced,
                                  const CooperativeOptions& options) {
  std::vector<std::string> directories = {measurements.plan().base};
  for (const PlanMember& member : fused.members) directories.push_back(member.model);
  ASSIGN_OR_RETURN(WholeVocabulary whole, WholeVocabulary::Load(directories));
  const ExperimentArrays training =
      FirstTexts(fused.router_part.data, fused.counted, options.lookahead_chunks);
  RETURN_IF_ERROR(
      whole.TrainLookahead(measurements.probe(), training.chunk, {.seed = options.seed}));
  Json json = {{"training_texts_per_domain", options.lookahead_chunks},
               {"texts_per_domain", options.whole_chunks}};
  const auto compare = [&](const ProbeText& text, const Texts& texts, const char* key) {
    const auto run = [&]() -> absl::Status {
      ASSIGN_OR_RETURN(std::vector<GateRun> runs, RunGates(fused, features, texts));
      ASSIGN_OR_RETURN(std::vector<GateRun> more, whole.Run(text, texts.data->chunk, runs[1]));
      for (GateRun& one : more) runs.push_back(std::move(one));
      json[key] = Summarise(runs, runs[0], texts, fused);
      return absl::OkStatus();
    };
    return run();
  };
  const ExperimentArrays pure =
      FirstTexts(fused.evaluation_part.data, fused.counted, options.whole_chunks);
  RETURN_IF_ERROR(compare(measurements.probe(), PureTexts(fused, pure.data), "pure"));
  if (spliced != nullptr) {
    RETURN_IF_ERROR(compare(measurements.spliced(), SplicedTexts(fused, *spliced), "spliced"));
  }
  return json;
}

}  // namespace

absl::StatusOr<nlohmann::json> PredictAndFuse(const ModelMeasurements& measurements,
                                              const std::vector<std::string>& names,
                                              const CooperativeOptions& options) {
  ASSIGN_OR_RETURN(const Fused fused, Fuse(measurements, names, options));
  Json json = Summary(fused);
  RETURN_IF_ERROR(AddRows(fused, json));
  return json;
}

absl::StatusOr<nlohmann::json> CompareGates(ModelMeasurements& measurements,
                                            const std::vector<std::string>& names,
                                            const CooperativeOptions& options) {
  ASSIGN_OR_RETURN(Fused fused, Fuse(measurements, names, options));
  Json json = Summary(fused);
  if (!options.report.empty()) RETURN_IF_ERROR(WriteReport(fused, options));
  RouterTrainingOptions gate_alone{.seed = options.seed, .steps = options.steps};
  gate_alone.alpha = kAlwaysRedraw;
  gate_alone.alpha_learning_rate = 0;
  gate_alone.eta = kFeatureGateEta;
  ASSIGN_OR_RETURN(const TrainedRouter features,
                   TrainRouter(fused.router_part.data, {}, gate_alone));
  const auto compare = [&](const Texts& texts, const char* key) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<GateRun> runs, RunGates(fused, features, texts));
    json[key] = Summarise(runs, runs[0], texts, fused);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(compare(PureTexts(fused, fused.evaluation_part.data), "pure"));
  json["references"] = ReferenceRows(measurements, fused);
  if (fused.counted > 1) {
    const ExperimentArrays spliced =
        SpliceArrays(fused.evaluation_part.data, fused.counted, options.per_pair);
    RETURN_IF_ERROR(compare(SplicedTexts(fused, spliced.data), "spliced"));
  }
  ExperimentArrays really;
  const bool has_spliced = measurements.plan().spliced > 0 && fused.counted > 1;
  if (has_spliced) {
    ASSIGN_OR_RETURN(really, ReallySpliced(measurements, fused));
    RETURN_IF_ERROR(compare(SplicedTexts(fused, really.data), "really_spliced"));
  }
  if (options.lookahead_chunks > 0 && options.whole_chunks > 0) {
    ASSIGN_OR_RETURN(json["whole"], CompareWhole(measurements, fused, features,
                                                 has_spliced ? &really.data : nullptr, options));
  }
  json["seconds"] = fused.seconds;
  return json;
}

}  // namespace kalavai::experiment
