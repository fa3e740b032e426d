#include "tests/experiments/fusion/model_measurements.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "common/base/status_macros.h"
#include "common/corpus/documents.h"
#include "common/crypto/model_signature.h"
#include "common/crypto/sha256.h"
#include "common/model/determinism.h"
#include "common/model/model_directory.h"
#include "common/probe/probe_machine.h"
#include "common/probe/probe_pass.h"
#include "common/safetensors/checkpoint_directory.h"
#include "common/storage/atomic_file.h"
#include "coordinator/fusion/weight_average.h"

namespace kalavai::experiment {
namespace {

absl::StatusOr<std::string> RootDigestOf(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListCheckpointFiles(directory));
  std::vector<Resource> resources;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(absl::StrCat(directory, "/", name)));
    resources.push_back({.name = name, .digest = digest});
  }
  return RootDigest(resources).Hex();
}

// Chunk k of a pair: the first half of an evaluation chunk of one domain, the second of another's.
ProbeText Splice(const ProbeText& probe, int64_t per_pair) {
  ProbeText spliced;
  spliced.chunk_tokens = probe.chunk_tokens;
  const int64_t half = probe.chunk_tokens / 2;
  const auto domains = static_cast<int32_t>(probe.domains.size());
  for (int32_t a = 0; a < domains; ++a) {
    for (int32_t b = 0; b < domains; ++b) {
      if (a == b) continue;
      const std::vector<int64_t> first = probe.ChunksOf(a, ProbePart::kEvaluation);
      const std::vector<int64_t> second = probe.ChunksOf(b, ProbePart::kEvaluation);
      const auto index = static_cast<int32_t>(spliced.domains.size());
      spliced.domains.push_back(
          {.name = absl::StrCat(probe.domains[static_cast<size_t>(a)].name, ">",
                                probe.domains[static_cast<size_t>(b)].name)});
      for (int64_t k = 0; k < per_pair; ++k) {
        // Different chunks for different pairs, as far as there are any.
        const auto i = static_cast<size_t>(k * domains + b) % first.size();
        const auto j = static_cast<size_t>(k * domains + a) % second.size();
        const auto head = probe.Chunk(first[i]).subspan(0, static_cast<size_t>(half));
        const auto tail = probe.Chunk(second[j]).subspan(static_cast<size_t>(half));
        spliced.tokens.insert(spliced.tokens.end(), head.begin(), head.end());
        spliced.tokens.insert(spliced.tokens.end(), tail.begin(), tail.end());
        spliced.chunk_domain.push_back(index);
        spliced.chunk_part.push_back(ProbePart::kEvaluation);
        spliced.chunk_bytes.push_back(0);
      }
    }
  }
  Sha256 hash;
  hash.Update(absl::StrCat("spliced;", probe.digest, ";", per_pair));
  spliced.digest = hash.Finish().Hex();
  return spliced;
}

}  // namespace

absl::StatusOr<ModelMeasurements> ModelMeasurements::Open(const ExperimentPlan& plan) {
  ModelMeasurements measurements;
  measurements.plan_ = plan;
  ASSIGN_OR_RETURN(const ModelDirectory base, OpenModelDirectory(plan.base));
  std::vector<ProbeDocuments> texts;
  for (const PlanDomain& domain : plan.domains) {
    ASSIGN_OR_RETURN(const std::vector<Document> documents, ReadDocuments(domain.files));
    ProbeDocuments text{.domain = domain.name, .public_class = domain.public_class};
    for (const Document& document : documents) text.documents.push_back(document.text);
    texts.push_back(std::move(text));
  }
  ASSIGN_OR_RETURN(measurements.probe_, BuildProbeText(*base.tokenizer, texts,
                                                       {.chunk_tokens = plan.chunk_tokens,
                                                        .chunks_per_part = plan.chunks}));
  if (plan.spliced > 0) measurements.spliced_ = Splice(measurements.probe_, plan.spliced);
  RETURN_IF_ERROR(EnsureDirectory(plan.cache, 0755));
  return measurements;
}

absl::StatusOr<ProbeCache> ModelMeasurements::Pass(const std::string& name,
                                                   const std::string& directory,
                                                   const std::string& digest,
                                                   const ProbeText& text) {
  const ProbeCacheKey key{.model_digest = digest, .probe_digest = text.digest};
  const std::string path = absl::StrCat(plan_.cache, "/", ProbeCacheFileName(key));
  const absl::Time start = absl::Now();
  ProbePassOptions options;
  options.features = directory == plan_.base;
  options.bfloat16_products = plan_.bfloat16;
  options.progress = [&](int64_t done, int64_t total) {
    std::cerr << "\rprobe " << name << ": " << done << " of " << total << " chunks, "
              << absl::FormatDuration(absl::Trunc(absl::Now() - start, absl::Seconds(1))) << "   "
              << std::flush;
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(ProbeCache cache, MeasureModel(directory, path, digest, text, options));
  std::cerr << "\n";
  return cache;
}

absl::Status ModelMeasurements::MeasureOne(const std::string& name, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string digest, RootDigestOf(directory));
  digests_[directory] = digest;
  ASSIGN_OR_RETURN(pure_[name], Pass(name, directory, digest, probe_));
  if (plan_.spliced == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(spliced_caches_[name],
                   Pass(absl::StrCat(name, ", spliced"), directory, digest, spliced_));
  return absl::OkStatus();
}

absl::Status ModelMeasurements::Measure(const std::vector<std::string>& only) {
  RETURN_IF_ERROR(MeasureOne(kBaseName, plan_.base));
  std::vector<PlanMember> models = plan_.members;
  models.insert(models.end(), plan_.references.begin(), plan_.references.end());
  for (const PlanMember& model : models) {
    if (!only.empty() && std::find(only.begin(), only.end(), model.name) == only.end()) continue;
    RETURN_IF_ERROR(MeasureOne(model.name, model.model));
  }
  return absl::OkStatus();
}

absl::Status ModelMeasurements::MeasureWeightAverage(const std::vector<PlanMember>& members) {
  std::vector<std::string> directories;
  std::vector<Digest> digests;
  for (const PlanMember& member : members) {
    directories.push_back(member.model);
    ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(digests_[member.model]));
    digests.push_back(digest);
  }
  const std::string digest = coordinator::WeightAverageKey(digests).Hex();
  const ProbeProducts products =
      plan_.bfloat16 ? ProbeProducts::kBfloat16 : ProbeProducts::kFloat32;
  const ProbeCacheKey key{
      .model_digest = digest,
      .probe_digest = probe_.digest,
      .arithmetic_digest = ArithmeticDigest(ThisMachine(Device::kCpu, Threads(), products))};
  const std::string directory = absl::StrCat(plan_.cache, "/weight-average");
  if (!ReadProbeCache(absl::StrCat(plan_.cache, "/", ProbeCacheFileName(key)), key).ok()) {
    RETURN_IF_ERROR(coordinator::WriteWeightAverage(directories, directory));
  }
  ASSIGN_OR_RETURN(pure_["weight-average"], Pass("weight average", directory, digest, probe_));
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return absl::OkStatus();
}

}  // namespace kalavai::experiment
