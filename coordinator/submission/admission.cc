#include "coordinator/submission/admission.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/document_list.h"
#include "common/crypto/model_signature.h"
#include "common/model/model_config.h"
#include "common/probe/gate_statistics.h"
#include "common/storage/atomic_file.h"
#include "coordinator/submission/declared_files.h"
#include "coordinator/submission/weight_inspector.h"

namespace kalavai::coordinator {
namespace {

constexpr char kWeightsFile[] = "model.safetensors";
// A report of more digits than a double has is compared with this much slack, in percentage points.
constexpr double kDivergenceTolerance = 1e-6;

const CandidateFile* Find(const std::vector<CandidateFile>& files, absl::string_view path) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const CandidateFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

// Ours, not the member's: the check must be repeated, not counted against the submission.
bool IsInfrastructureFailure(const absl::Status& status) {
  const std::string reason = GetErrorReason(status);
  if (reason == "IO_ERROR" || reason == "FILE_NOT_FOUND" || reason == "DISK_FULL") return true;
  switch (status.code()) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnknown:
      return true;
    default:
      return false;
  }
}

absl::Status ReportError(absl::string_view file, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "REPORT_INVALID",
                   {.what = absl::StrCat(file, ": ", what),
                    .fix = "run 'kalavai submit' again",
                    .metadata = {{"file", std::string(file)}}});
}

// One field of submission.json against what it must say.
absl::Status Bind(const nlohmann::json& json, const char* field, absl::string_view want,
                  absl::string_view reason) {
  const absl::StatusOr<std::string> got = JsonString(json, field);
  if (!got.ok()) return Annotate(got.status(), "submission.json");
  if (*got == want) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reason,
      {.what = absl::StrCat("submission.json: ", field, " is another's; must be ", want),
       .why = "the signature must bind the weights to this coordinator, cooperative, "
              "member, moment and base",
       .fix = "run 'kalavai submit' again",
       .metadata = {{"field", field}, {"expected", std::string(want)}}});
}

// The run over one candidate; each method is one check.
class Admission {
 public:
  Admission(const AdmissionCandidate& candidate, AdmissionOutcome* outcome)
      : candidate_(candidate), outcome_(*outcome) {}

  absl::Status Files() const;
  absl::Status Signature();
  absl::Status Binding() const;
  absl::Status Config() const;
  absl::Status Tokenizer() const;
  absl::Status Format();
  absl::Status Shapes();
  absl::Status Reports();
  absl::Status Frozen() { return CompareFrozen(*own_, *base_, candidate_.freeze_depth); }
  absl::Status Finite() { return CheckFinite(*own_); }
  absl::Status Lineage() { return CheckLineage(*own_, *base_); }
  absl::Status Copy() const;
  absl::Status Divergence() const;

 private:
  absl::StatusOr<nlohmann::json> ReadJsonFile(const std::vector<CandidateFile>& files,
                                              const char* path) const;
  absl::Status Privacy() const;
  absl::Status DivergenceReport();

  const AdmissionCandidate& candidate_;
  AdmissionOutcome& outcome_;
  std::optional<WeightSet> own_;
  std::optional<WeightSet> base_;
};

absl::StatusOr<nlohmann::json> Admission::ReadJsonFile(const std::vector<CandidateFile>& files,
                                                       const char* path) const {
  const CandidateFile* const file = Find(files, path);
  if (file == nullptr) {
    return MakeError(absl::StatusCode::kInternal, "INTERNAL",
                     {.what = absl::StrCat(path, ": not there; must have been checked")});
  }
  ASSIGN_OR_RETURN(const std::string text, ReadFileBounded(file->location, limits::kJsonBytesMax));
  absl::StatusOr<nlohmann::json> json = ReadJson(text);
  if (!json.ok()) return Annotate(json.status(), path);
  if (!json->is_object()) return ReportError(path, "not a JSON object; must be one");
  return json;
}

absl::Status Admission::Files() const {
  std::vector<SubmissionFile> files, base_files;
  for (const CandidateFile& file : candidate_.files) {
    files.push_back({.path = file.path, .size_bytes = file.size_bytes, .digest = file.digest});
  }
  for (const CandidateFile& file : candidate_.base_files) {
    base_files.push_back({.path = file.path, .size_bytes = file.size_bytes, .digest = file.digest});
  }
  return CheckDeclaredFiles(files, base_files);
}

absl::Status Admission::Signature() {
  std::map<std::string, Digest> digests;
  for (const CandidateFile& file : candidate_.files) {
    if (file.path != kModelSignatureFile) digests.emplace(file.path, file.digest);
  }
  ASSIGN_OR_RETURN(const std::string bundle,
                   ReadFileBounded(Find(candidate_.files, kModelSignatureFile)->location,
                                   limits::kModelSignatureBytesMax));
  ASSIGN_OR_RETURN(const ModelManifest manifest, VerifyBundle(bundle, candidate_.signing_key));
  RETURN_IF_ERROR(MatchManifest(manifest, digests));
  outcome_.root_digest = manifest.root_digest;
  return absl::OkStatus();
}

absl::Status Admission::Binding() const {
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(candidate_.files, "submission.json"));
  RETURN_IF_ERROR(Bind(json, "schema", "kalavai.submission/1", "NONCE_MISMATCH"));
  RETURN_IF_ERROR(
      Bind(json, "coordinator_key_hint", candidate_.coordinator_key_hint, "NONCE_MISMATCH"));
  RETURN_IF_ERROR(Bind(json, "cooperative", candidate_.cooperative, "NONCE_MISMATCH"));
  RETURN_IF_ERROR(Bind(json, "contributor", candidate_.contributor, "NONCE_MISMATCH"));
  RETURN_IF_ERROR(Bind(json, "domain", candidate_.domain, "NONCE_MISMATCH"));
  RETURN_IF_ERROR(Bind(json, "nonce", candidate_.nonce, "NONCE_MISMATCH"));
  return Bind(json, "base_digest", candidate_.base_digest.Hex(), "BASE_MISMATCH");
}

absl::Status Admission::Config() const {
  ASSIGN_OR_RETURN(nlohmann::json own, ReadJsonFile(candidate_.files, "config.json"));
  ASSIGN_OR_RETURN(nlohmann::json base, ReadJsonFile(candidate_.base_files, "config.json"));
  // Where a file came from and which library wrote it changes nothing about the model.
  for (const char* field : {"_name_or_path", "transformers_version", "torch_dtype", "dtype"}) {
    own.erase(field);
    base.erase(field);
  }
  if (own == base) return absl::OkStatus();
  // Versions of transformers, and we, write the same model in different words: compare what it
  // means, defaults filled in.
  const absl::StatusOr<ModelConfig> own_model = ModelConfig::FromJson(own.dump());
  const absl::StatusOr<ModelConfig> base_model = ModelConfig::FromJson(base.dump());
  if (own_model.ok() && base_model.ok()) {
    if (*own_model == *base_model) return absl::OkStatus();
    own = nlohmann::json::parse(own_model->ToJson());
    base = nlohmann::json::parse(base_model->ToJson());
  }
  std::vector<std::string> fields;
  for (const auto& change : nlohmann::json::diff(base, own)) {
    fields.push_back(change.value("path", ""));
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, "BASE_MISMATCH",
                   {.what = absl::StrCat("config.json: differs from the base's at ",
                                         absl::StrJoin(fields, ", "), "; must be equal"),
                    .why = "specialists of another shape cannot be mixed with the base",
                    .fix = "kalavai fetch, then train again",
                    .metadata = {{"file", "config.json"}}});
}

absl::Status Admission::Tokenizer() const {
  const CandidateFile* const base = Find(candidate_.base_files, "tokenizer.json");
  const CandidateFile* const own = Find(candidate_.files, "tokenizer.json");
  if (base != nullptr && base->digest == own->digest) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "TOKENIZER_MISMATCH",
      {.what = absl::StrCat("tokenizer.json: digest ", own->digest.Hex(), "; must be the base's"),
       .why = "another tokenizer re-maps every row of the embedding",
       .fix = "use the tokenizer.json of 'kalavai fetch'",
       .metadata = {{"actual", own->digest.Hex()}}});
}

absl::Status Admission::Format() {
  absl::StatusOr<WeightSet> own =
      WeightSet::Open({Find(candidate_.files, kWeightsFile)->location}, SafetensorsMode::kUpload);
  if (!own.ok()) return Annotate(own.status(), kWeightsFile);
  own_ = std::move(own).value();
  if (const auto* const list = Find(candidate_.files, kTrainingDocumentsFile); list != nullptr) {
    ASSIGN_OR_RETURN(const std::string text,
                     ReadFileBounded(list->location, kDocumentListBytesMax));
    RETURN_IF_ERROR(ParseDocumentList(text).status());
  }
  const CandidateFile* const statistics = Find(candidate_.files, kGateStatisticsFile);
  if (statistics == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const nlohmann::json config, ReadJsonFile(candidate_.base_files, "config.json"));
  ASSIGN_OR_RETURN(const ModelConfig base, ModelConfig::FromJson(config.dump()));
  return Annotate(ReadGateStatistics(statistics->location, candidate_.domain, base.hidden_size,
                                     candidate_.chunk_tokens)
                      .status(),
                  statistics->path);
}

absl::Status Admission::Shapes() {
  std::vector<std::string> locations;
  for (const CandidateFile& file : candidate_.base_files) {
    if (absl::EndsWith(file.path, ".safetensors")) locations.push_back(file.location);
  }
  absl::StatusOr<WeightSet> base = WeightSet::Open(locations, SafetensorsMode::kFormat);
  if (!base.ok()) {  // an import checked it: the disk changed
    return absl::DataLossError(absl::StrCat("base: ", base.status().message()));
  }
  base_ = std::move(base).value();
  RETURN_IF_ERROR(CompareShapes(*own_, *base_));
  outcome_.weights_digest = WeightsDigest(*own_, *base_);
  return absl::OkStatus();
}

absl::Status Admission::DivergenceReport() {
  constexpr char kFile[] = "divergence.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(candidate_.files, kFile));
  ASSIGN_OR_RETURN(const std::string schema, JsonString(json, "schema"));
  ASSIGN_OR_RETURN(const std::string domain, JsonString(json, "domain"));
  ASSIGN_OR_RETURN(const double base_loss, JsonNumber(json, "base_loss"));
  ASSIGN_OR_RETURN(const double own_loss, JsonNumber(json, "own_loss"));
  ASSIGN_OR_RETURN(const double percent, JsonNumber(json, "divergence_percent"));
  ASSIGN_OR_RETURN(const int64_t tokens, JsonInt(json, "held_out_tokens"));
  ASSIGN_OR_RETURN(const int64_t steps, JsonInt(json, "steps"));
  if (schema != "kalavai.divergence/1") return ReportError(kFile, "unknown schema");
  if (domain != candidate_.domain) {
    return ReportError(kFile, absl::StrCat("domain must be ", candidate_.domain));
  }
  if (!(base_loss > 0) || !(own_loss > 0)) {
    return ReportError(kFile, "a loss is not positive; both must be");
  }
  if (tokens <= 0 || steps < 0) return ReportError(kFile, "held_out_tokens must be positive");
  const double computed = 100.0 * (base_loss - own_loss) / base_loss;
  if (!(std::abs(computed - percent) <= kDivergenceTolerance)) {
    return ReportError(kFile, absl::StrFormat("divergence_percent is %.9g; must be 100·(base_loss "
                                              "− own_loss)/base_loss = %.9g",
                                              percent, computed));
  }
  outcome_.divergence_percent = computed;
  return absl::OkStatus();
}

absl::Status Admission::Privacy() const {
  constexpr char kFile[] = "privacy.json";
  ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(candidate_.files, kFile));
  ASSIGN_OR_RETURN(const std::string schema, JsonString(json, "schema"));
  if (schema != "kalavai.privacy/1") return ReportError(kFile, "unknown schema");
  RETURN_IF_ERROR(JsonBool(json, "audited").status());
  return JsonBool(json, "differential_privacy").status();
}

absl::Status Admission::Reports() {
  for (absl::Status status : {DivergenceReport(), Privacy()}) {
    if (status.ok()) continue;
    if (GetErrorReason(status) != "JSON_INVALID") return status;
    return ReportError("divergence.json and privacy.json", status.message());
  }
  return absl::OkStatus();
}

absl::Status Admission::Copy() const {
  std::string of;
  if (*outcome_.weights_digest == WeightsDigest(*base_, *own_)) {
    of = "the base";
  } else if (candidate_.find_copy) {
    ASSIGN_OR_RETURN(const std::optional<std::string> other,
                     candidate_.find_copy(*outcome_.weights_digest));
    if (other.has_value()) of = "another submission";  // whose is not this member's business
  }
  if (of.empty()) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kAlreadyExists, "COPY_OF_OTHER",
      {.what = absl::StrCat("model.safetensors: every tensor is bit-equal to those of ", of,
                            "; must be this member's own"),
       .why = "a copy adds nothing to the mixture and would share in the credit",
       .fix = "train your own specialist"});
}

absl::Status Admission::Divergence() const {
  const double percent = outcome_.divergence_percent.value();
  if (percent > 0) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "DIVERGENCE_NEGATIVE",
      {.what = absl::StrFormat("divergence.json: divergence %.4f %%; must be above 0", percent),
       .why = "a specialist no better than the base on its own text has nothing to add",
       .fix = "train longer or with more text; an administrator decides about this one",
       .metadata = {{"divergence_percent", absl::StrFormat("%.6f", percent)}}});
}

struct Check {
  const char* name;
  SubmissionState otherwise;
  absl::Status (*run)(Admission&);
};

constexpr SubmissionState kReject = SubmissionState::kRejected;
constexpr SubmissionState kQuarantine = SubmissionState::kQuarantined;

constexpr Check kChecks[] = {
    {"files", kReject, [](Admission& a) { return a.Files(); }},
    {"signature", kReject, [](Admission& a) { return a.Signature(); }},
    {"binding", kReject, [](Admission& a) { return a.Binding(); }},
    {"config", kReject, [](Admission& a) { return a.Config(); }},
    {"tokenizer", kReject, [](Admission& a) { return a.Tokenizer(); }},
    {"format", kReject, [](Admission& a) { return a.Format(); }},
    {"shapes", kReject, [](Admission& a) { return a.Shapes(); }},
    {"reports", kReject, [](Admission& a) { return a.Reports(); }},
    {"frozen", kQuarantine, [](Admission& a) { return a.Frozen(); }},
    {"finite", kQuarantine, [](Admission& a) { return a.Finite(); }},
    {"lineage", kQuarantine, [](Admission& a) { return a.Lineage(); }},
    {"copy", kQuarantine, [](Admission& a) { return a.Copy(); }},
    {"divergence", kQuarantine, [](Admission& a) { return a.Divergence(); }},
};

}  // namespace

std::string AdmissionOutcome::Reason() const {
  const auto failed = std::find_if(checks.begin(), checks.end(),
                                   [](const CheckResult& check) { return !check.passed; });
  return failed == checks.end() ? "" : failed->reason;
}

absl::StatusOr<AdmissionOutcome> Admit(const AdmissionCandidate& candidate) {
  AdmissionOutcome outcome;
  outcome.state = SubmissionState::kAdmitted;
  Admission admission(candidate, &outcome);
  for (const Check& check : kChecks) {
    const absl::Status status = check.run(admission);
    if (!status.ok() && IsInfrastructureFailure(status)) return Annotate(status, check.name);
    outcome.checks.push_back({.check = check.name,
                              .passed = status.ok(),
                              .reason = GetErrorReason(status),
                              .message = std::string(status.message())});
    if (status.ok()) continue;
    outcome.state = check.otherwise;
    if (check.otherwise == kReject) break;
  }
  return outcome;
}

}  // namespace kalavai::coordinator
