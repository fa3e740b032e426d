// kalavai-experiment: the steps of a fusion experiment, from files to figures; run.py drives it.
//
//   kalavai-experiment split --out DIR --name DOMAIN FILE…      train.jsonl and probe.jsonl
//   kalavai-experiment train --base DIR --text FILE --steps N --out DIR
//   kalavai-experiment probe PLAN                               fills the plan's cache
//   kalavai-experiment compare PLAN --members a,b,c             the table of gates, as JSON
//   kalavai-experiment cooperatives PLAN a,b a,b,c …            predictions and gains, as JSON
//   kalavai-experiment speed --model DIR --specialists 20       the router's fit against running
//   all
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "CLI/CLI.hpp"
#include "common/base/status_macros.h"
#include "common/corpus/documents.h"
#include "common/model/determinism.h"
#include "contributor/training/specialist_trainer.h"
#include "tests/experiments/fusion/cooperative.h"
#include "tests/experiments/fusion/experiment_plan.h"
#include "tests/experiments/fusion/fit_speed.h"
#include "tests/experiments/fusion/model_measurements.h"

namespace kalavai::experiment {
namespace {

using Json = nlohmann::json;

// Probe text is what nobody trains on: a fifth of the documents, by hash.
constexpr char kExperimentSplit[] = "kalavai/experiment-probe/v1";
constexpr double kTrainShare = 0.8;

struct Flags {
  std::string plan;
  std::vector<std::string> files;
  std::string out;
  std::string base;
  int64_t threads = 2;
  int64_t steps = 100;
  int64_t batch = 4;
  int64_t chunk_tokens = 256;
  double learning_rate = 5e-5;
  uint64_t seed = 1;
  std::vector<std::string> members;  // names, or lists of names
  std::vector<std::string> only;
  bool weight_average = false;
  CooperativeOptions cooperative;
  FitSpeedOptions speed;
};

absl::Status WriteDocuments(const std::string& path, const std::vector<Document>& documents) {
  std::ofstream file(path);
  for (const Document& document : documents) file << Json{{"text", document.text}}.dump() << "\n";
  file.close();
  if (file.fail()) return absl::DataLossError(absl::StrCat(path, ": cannot be written"));
  return absl::OkStatus();
}

absl::Status Split(const Flags& flags) {
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(flags.files));
  const DocumentSplit split =
      SplitByHash(Deduplicate(std::move(documents)), kExperimentSplit, kTrainShare);
  std::filesystem::create_directories(flags.out);
  RETURN_IF_ERROR(WriteDocuments(absl::StrCat(flags.out, "/train.jsonl"), split.first));
  return WriteDocuments(absl::StrCat(flags.out, "/probe.jsonl"), split.second);
}

absl::Status TrainOne(const Flags& flags) {
  contributor::SpecialistOptions options;
  options.base_directory = flags.base;
  options.specialist_directory = flags.out;
  options.training_directory = absl::StrCat(flags.out, ".training");
  options.files = flags.files;
  options.hyperparameters = {.learning_rate = flags.learning_rate,
                             .warmup_steps = flags.steps / 10,
                             .steps = flags.steps,
                             .micro_batch = flags.batch};
  options.chunk_tokens = flags.chunk_tokens;
  options.batch = flags.batch;
  options.held_out_chunks = 16;
  options.patience = 0;
  options.seed = flags.seed;
  const contributor::TrainingListener listener = {
      .note = [](absl::string_view) {},
      .warn = [](absl::string_view text) { std::cerr << text << "\n"; },
      .progress =
          [&](const TrainingProgress& now) {
            std::cerr << absl::StrFormat("\r%s: step %d of %d, loss %.3f, %.0f tokens/s   ",
                                         flags.out, now.step, now.steps, now.loss,
                                         now.tokens_per_second)
                      << std::flush;
            return absl::OkStatus();
          }};
  ASSIGN_OR_RETURN(const contributor::SpecialistReport report,
                   contributor::TrainSpecialist(options, listener));
  std::cerr << "\n";
  std::cout << report.ToJson().dump() << "\n";
  return absl::OkStatus();
}

absl::Status Probe(const Flags& flags) {
  ASSIGN_OR_RETURN(const ExperimentPlan plan, ReadPlan(flags.plan));
  ASSIGN_OR_RETURN(ModelMeasurements measurements, ModelMeasurements::Open(plan));
  RETURN_IF_ERROR(measurements.Measure(flags.only));
  for (const ProbeDomain& domain : measurements.probe().domains) {
    std::cerr << absl::StrFormat("%s: %d and %d documents%s\n", domain.name,
                                 domain.router_documents, domain.evaluation_documents,
                                 domain.public_class ? ", public" : "");
  }
  return absl::OkStatus();
}

absl::Status Write(const Flags& flags, const Json& json) {
  if (flags.out.empty()) {
    std::cout << json.dump(1) << "\n";
    return absl::OkStatus();
  }
  std::ofstream file(flags.out);
  file << json.dump(1) << "\n";
  file.close();
  if (file.fail()) return absl::DataLossError(absl::StrCat(flags.out, ": cannot be written"));
  return absl::OkStatus();
}

absl::Status Compare(const Flags& flags) {
  ASSIGN_OR_RETURN(const ExperimentPlan plan, ReadPlan(flags.plan));
  ASSIGN_OR_RETURN(ModelMeasurements measurements, ModelMeasurements::Open(plan));
  std::vector<std::string> wanted = flags.members;
  for (const PlanMember& reference : plan.references) wanted.push_back(reference.name);
  RETURN_IF_ERROR(measurements.Measure(wanted));
  if (flags.weight_average) {
    ASSIGN_OR_RETURN(const std::vector<PlanMember> members, MembersNamed(plan, flags.members));
    RETURN_IF_ERROR(measurements.MeasureWeightAverage(members));
  }
  ASSIGN_OR_RETURN(const Json json, CompareGates(measurements, flags.members, flags.cooperative));
  return Write(flags, json);
}

absl::Status Cooperatives(const Flags& flags) {
  ASSIGN_OR_RETURN(const ExperimentPlan plan, ReadPlan(flags.plan));
  ASSIGN_OR_RETURN(ModelMeasurements measurements, ModelMeasurements::Open(plan));
  RETURN_IF_ERROR(measurements.Measure({}));
  Json rows = Json::array();
  for (const std::string& list : flags.members) {
    std::cerr << "\rcooperative " << rows.size() + 1 << " of " << flags.members.size()
              << std::flush;
    const std::vector<std::string> names = absl::StrSplit(list, ',');
    ASSIGN_OR_RETURN(const Json row, PredictAndFuse(measurements, names, flags.cooperative));
    rows.push_back(row);
  }
  std::cerr << "\n";
  return Write(flags, rows);
}

absl::Status Speed(const Flags& flags) {
  ASSIGN_OR_RETURN(const Json json, MeasureFitSpeed(flags.speed));
  return Write(flags, json);
}

void AddRouterOptions(Flags& flags, CLI::App& command) {
  command.add_option("plan", flags.plan, "plan.json")->required()->check(CLI::ExistingFile);
  command.add_option("--out", flags.out, "file to write; standard output if none");
  command.add_option("--seed", flags.cooperative.seed);
  command.add_option("--steps", flags.cooperative.steps, "of the router");
}

int Run(int argc, char** argv) {
  Flags flags;
  CLI::App app("Experiments with fusion");
  app.require_subcommand(1);
  absl::Status status;
  const auto command = [&](const char* name, const char* text,
                           const std::function<absl::Status(const Flags&)>& run) {
    CLI::App* const one = app.add_subcommand(name, text);
    one->add_option("--threads", flags.threads, "of LibTorch")->capture_default_str();
    one->callback([&status, &flags, run] {
      status = SetThreads(flags.threads);
      if (status.ok()) status = run(flags);
    });
    return one;
  };
  CLI::App* const split =
      command("split", "cut a corpus into text to train on and to probe", Split);
  split->add_option("files", flags.files)->required()->check(CLI::ExistingFile);
  split->add_option("--out", flags.out, "directory")->required();
  CLI::App* const train = command("train", "train a specialist, as 'kalavai train'", TrainOne);
  train->add_option("--base", flags.base)->required()->check(CLI::ExistingDirectory);
  train->add_option("--text", flags.files)->required()->check(CLI::ExistingFile);
  train->add_option("--out", flags.out, "directory")->required();
  train->add_option("--steps", flags.steps)->capture_default_str();
  train->add_option("--batch", flags.batch)->capture_default_str();
  train->add_option("--chunk-tokens", flags.chunk_tokens)->capture_default_str();
  train->add_option("--learning-rate", flags.learning_rate)->capture_default_str();
  train->add_option("--seed", flags.seed)->capture_default_str();
  CLI::App* const probe = command("probe", "run the models whose caches are missing", Probe);
  probe->add_option("plan", flags.plan)->required()->check(CLI::ExistingFile);
  probe->add_option("--only", flags.only, "names, beside the base")->delimiter(',');
  CLI::App* const compare = command("compare", "every gate and baseline", Compare);
  AddRouterOptions(flags, *compare);
  compare->add_option("--members", flags.members)->required()->delimiter(',');
  compare->add_option("--report", flags.cooperative.report,
                      "directory for the product's report and plots");
  compare->add_flag("--weight-average", flags.weight_average, "one more pass");
  compare->add_option("--spliced-per-pair", flags.cooperative.per_pair)->capture_default_str();
  compare->add_option(
      "--lookahead-chunks", flags.cooperative.lookahead_chunks,
      "texts of a domain to train the published gate on; needs all models in memory");
  compare->add_option("--whole-chunks", flags.cooperative.whole_chunks,
                      "texts of a domain to compare it and mixtures of logits on");
  CLI::App* const cooperatives =
      command("cooperatives", "predict and fuse many cooperatives from the cache", Cooperatives);
  AddRouterOptions(flags, *cooperatives);
  cooperatives->add_option("members", flags.members, "a,b a,b,c …")->required();
  CLI::App* const speed = command("speed", "the router's fit against running all models", Speed);
  speed->add_option("--model", flags.speed.model)->required()->check(CLI::ExistingDirectory);
  speed->add_option("--specialists", flags.speed.specialists)->capture_default_str();
  speed->add_option("--chunks", flags.speed.chunks, "of a domain")->capture_default_str();
  speed->add_option("--steps", flags.speed.steps)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (status.ok()) return 0;
  std::cerr << "\n" << status << "\n";
  return 1;
}

}  // namespace
}  // namespace kalavai::experiment

int main(int argc, char** argv) { return kalavai::experiment::Run(argc, argv); }
