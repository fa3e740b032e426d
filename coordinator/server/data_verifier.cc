#include "coordinator/server/data_verifier.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/crypto/model_signature.h"
#include "common/crypto/receipt.h"
#include "common/crypto/tree_head.h"
#include "common/rpc/resource_name.h"
#include "common/storage/blob_store.h"
#include "common/storage/migrator.h"
#include "common/storage/sqlite.h"
#include "coordinator/blob_reference_store.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/data_directory.h"
#include "coordinator/fusion/model_release.h"
#include "coordinator/launch/charter.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/serving/model_store.h"
#include "coordinator/submission/admission_worker.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/transparency/transparency_log.h"
#include "coordinator/withdrawal/withdrawals.h"
#include "migrations/embedded_migrations.h"

namespace kalavai::coordinator {
namespace {

absl::Status RowDamaged(absl::string_view row, absl::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "ROW_DAMAGED",
                   {.what = absl::StrCat(row, ": ", what),
                    .why = "the coordinator signed something else when this row was written",
                    .fix = "restore the last backup"});
}

class Verifier {
 public:
  Verifier(const DataDirectory& directory, const CoordinatorKeys& keys, Database& database,
           const BlobStore& blobs)
      : models_directory_(directory.ModelsPath()),
        keys_(keys),
        key_(keys.signing_key.public_key()),
        database_(database),
        blobs_(blobs) {}

  DataReport Verify(const std::function<void(int64_t, int64_t)>& progress) {
    Note("database", database_.CheckIntegrity());
    const absl::Status schema = CheckSchema(database_, EmbeddedMigrations());
    Note("database", schema);
    if (!schema.ok()) return std::move(report_);  // its tables would be misread
    Note("log", CheckLog());
    Note("rows", CheckCooperatives());
    Note("models", CheckModelDirectories());
    Note("blobs", CheckBlobs(progress));
    return std::move(report_);
  }

 private:
  void Note(absl::string_view part, const absl::Status& status) {
    if (status.ok()) return;
    report_.findings.push_back({.part = std::string(part),
                                .reason = GetErrorReason(status),
                                .message = std::string(status.message())});
  }
  void NoteRow(const absl::Status& status) {
    ++report_.rows;
    Note("rows", status);
  }

  absl::Status CheckLog() {
    ASSIGN_OR_RETURN(report_.log, log_.Verify());
    return absl::OkStatus();
  }

  absl::Status CheckCooperatives() {
    ASSIGN_OR_RETURN(const std::vector<CooperativeRow> rows,
                     CooperativeStore(database_).List("", limits::kPageSizeMax));
    for (const CooperativeRow& row : rows) {
      if (!row.charter_envelope.empty()) {
        NoteRow(Annotate(VerifyEnvelope(row.charter_envelope, key_, kCharterType).status(),
                         CooperativeName(row.id)));
      }
      ASSIGN_OR_RETURN(const std::optional<CheckpointRow> base,
                       CheckpointStore(database_).Find(row.id, kBaseCheckpoint));
      if (base.has_value()) NoteRow(CheckBase(*base));
      RETURN_IF_ERROR(CheckSubmissions(CooperativeName(row.id)));
      RETURN_IF_ERROR(CheckModels(CooperativeName(row.id)));
      RETURN_IF_ERROR(CheckWithdrawals(row.id));
    }
    return absl::OkStatus();
  }

  // The signed list of files is the one in the rows.
  absl::Status CheckSigned(const std::string& name, const std::string& signature,
                           const Digest& root_digest,
                           const std::map<std::string, Digest>& files) const {
    const absl::StatusOr<ModelManifest> manifest = VerifyBundle(signature, key_);
    RETURN_IF_ERROR(Annotate(manifest.status(), name));
    if (manifest->root_digest != root_digest) {
      return RowDamaged(name, absl::StrCat("root digest ", root_digest.Hex(), "; must be ",
                                           manifest->root_digest.Hex(), " as signed"));
    }
    return Annotate(MatchManifest(*manifest, files), name);
  }

  absl::Status CheckBase(const CheckpointRow& base) const {
    std::map<std::string, Digest> files;
    for (const CheckpointFileRow& file : base.files) files[file.path] = file.digest;
    return CheckSigned(CheckpointName(base.cooperative, base.id), base.signature, base.root_digest,
                       files);
  }

  absl::Status CheckModels(const std::string& cooperative) {
    ASSIGN_OR_RETURN(const std::vector<ModelRecord> models,
                     ModelStore(database_).List(cooperative, "", limits::kPageSizeMax));
    for (const ModelRecord& model : models) {
      std::map<std::string, Digest> files;
      for (const ModelFileRecord& file : model.files) {
        if (file.path != kModelSignatureFile) files[file.path] = file.sha256;
      }
      NoteRow(CheckSigned(model.name, model.signature, model.root_digest, files));
    }
    return absl::OkStatus();
  }

  // What lies beside the releases may be the router of a member that has left.
  absl::Status CheckModelDirectories() {
    const ModelStore models(database_);
    ASSIGN_OR_RETURN(const std::vector<std::string> stray,
                     ListStrayReleases(models_directory_, [&](const std::string& model) {
                       return models.Exists(model);
                     }));
    for (const std::string& directory : stray) {
      Note("models",
           MakeError(absl::StatusCode::kDataLoss, "MODEL_DIRECTORY_UNKNOWN",
                     {.what = absl::StrCat(directory, ": of no model on record; must not be there"),
                      .why = "a release that was killed or failed left it",
                      .fix = "start the coordinator: it removes it"}));
    }
    return absl::OkStatus();
  }

  absl::Status CheckSubmissions(const std::string& cooperative) {
    SubmissionStore store(database_);
    std::string after;
    while (true) {
      ASSIGN_OR_RETURN(const std::vector<SubmissionRecord> records,
                       store.List(cooperative, "", after, limits::kPageSizeMax));
      if (records.empty()) return absl::OkStatus();
      for (const SubmissionRecord& record : records) NoteRow(CheckSubmission(record));
      after = records.back().name;
    }
  }

  absl::Status CheckSubmission(const SubmissionRecord& record) const {
    const bool decided = record.state == SubmissionState::kAdmitted ||
                         record.state == SubmissionState::kQuarantined ||
                         record.state == SubmissionState::kRejected;
    if (record.receipt_envelope.empty()) {
      return decided
                 ? RowDamaged(record.name, absl::StrCat("state ", SubmissionStateName(record.state),
                                                        " without a receipt; must have one"))
                 : absl::OkStatus();
    }
    const absl::StatusOr<std::string> payload =
        VerifyEnvelope(record.receipt_envelope, key_, kReceiptType);
    RETURN_IF_ERROR(Annotate(payload.status(), record.name));
    ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(*payload));
    const absl::StatusOr<VerdictReceipt> receipt = ReadVerdictReceipt(json);
    RETURN_IF_ERROR(Annotate(receipt.status(), record.name));
    const std::string root = record.root_digest.has_value() ? record.root_digest->Hex() : "";
    // Who has left, or sent a better one, has another state for readers, and the row none of its
    // own.
    const bool later =
        record.state == SubmissionState::kWithdrawn || record.state == SubmissionState::kSuperseded;
    const std::string state =
        later ? receipt->state : std::string(SubmissionStateName(record.state));
    const std::tuple<const char*, std::string, std::string> fields[] = {
        {"submission", record.name, receipt->submission},
        {"contributor", record.contributor, receipt->contributor},
        {"root_digest", root, receipt->root_digest},
        {"state", state, receipt->state}};
    for (const auto& [field, found, signed_value] : fields) {
      if (signed_value == found) continue;
      return RowDamaged(record.name, absl::StrCat(field, " '", found, "'; must be '", signed_value,
                                                  "' as in its receipt"));
    }
    RETURN_IF_ERROR(CheckFiles(record));
    if (!receipt->record.has_value()) return absl::OkStatus();  // before the record was signed
    RETURN_IF_ERROR(Annotate(CheckReceiptLeaf(*receipt, *receipt->record), record.name));
    return Annotate(CheckLeaf(*receipt->record), record.name);
  }

  absl::Status CheckWithdrawals(absl::string_view cooperative) {
    ASSIGN_OR_RETURN(const std::vector<WithdrawalRecord> records,
                     WithdrawalStore(database_).List(cooperative));
    for (const WithdrawalRecord& record : records) {
      // Not yet erased: the next start does it.
      if (!record.receipt_envelope.empty()) NoteRow(CheckWithdrawal(record));
    }
    return absl::OkStatus();
  }

  // The receipt is ours and on record, and nothing came back that only the member named.
  absl::Status CheckWithdrawal(const WithdrawalRecord& record) const {
    const std::string name = ContributorName(record.cooperative, record.contributor);
    const absl::StatusOr<std::string> payload =
        VerifyEnvelope(record.receipt_envelope, key_, kWithdrawalType);
    RETURN_IF_ERROR(Annotate(payload.status(), name));
    ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(*payload));
    const absl::StatusOr<WithdrawalReceipt> receipt = ReadWithdrawalReceipt(json);
    RETURN_IF_ERROR(Annotate(receipt.status(), name));
    if (receipt->contributor != name) {
      return RowDamaged(name,
                        absl::StrCat("a receipt of ", receipt->contributor, "; must be its own"));
    }
    const BlobReferenceStore references(database_);
    for (const Digest& digest : receipt->deleted) {
      ASSIGN_OR_RETURN(const bool named, references.IsNamed(digest));
      if (!named && blobs_.Contains(digest)) {
        return RowDamaged(name, absl::StrCat("blob ", digest.Hex(),
                                             " is in the store; must be deleted as receipted"));
      }
    }
    RETURN_IF_ERROR(Annotate(CheckReceiptLeaf(*receipt), name));
    return Annotate(CheckLeaf(receipt->record), name);
  }

  absl::Status CheckFiles(const SubmissionRecord& record) const {
    // Of what was rejected for its signature, nobody says which files belong to it.
    if (!record.root_digest.has_value() || record.state == SubmissionState::kRejected) {
      return absl::OkStatus();
    }
    std::vector<Resource> resources;
    for (const SubmissionFile& file : record.files) {
      if (file.path == kModelSignatureFile) continue;
      resources.push_back({.name = file.path, .digest = file.digest});
    }
    const Digest found = RootDigest(resources);
    if (found == *record.root_digest) return absl::OkStatus();
    return RowDamaged(record.name, absl::StrCat("files of root digest ", found.Hex(), "; must be ",
                                                record.root_digest->Hex()));
  }

  // The leaf is where the receipt says, and the log goes on from the receipt's tree head.
  absl::Status CheckLeaf(const ReceiptRecord& record) const {
    ASSIGN_OR_RETURN(const std::vector<LogLeaf> leaves, log_.List(record.index, 1));
    if (leaves.empty() || leaves[0].index != record.index || leaves[0].leaf != record.leaf) {
      return RowDamaged(absl::StrCat("leaf ", record.index), "not the one in the receipt; must be");
    }
    ASSIGN_OR_RETURN(const TreeState head,
                     VerifyTreeHead(record.tree_head, keys_.log_signer.verifier()));
    RETURN_IF_ERROR(CheckReceiptProof(record, head));
    ASSIGN_OR_RETURN(const TreeState now, log_.State());
    ASSIGN_OR_RETURN(const std::vector<Digest> proof, log_.ProveConsistency(head.size, now.size));
    return VerifyConsistency(head, now, proof);
  }

  absl::Status CheckBlobs(const std::function<void(int64_t, int64_t)>& progress) {
    const BlobReferenceStore references(database_);
    ASSIGN_OR_RETURN(const std::vector<BlobReference> rows, references.ListStored());
    for (const BlobReference& row : rows) {
      const absl::StatusOr<int64_t> size = blobs_.Size(row.digest);
      Note("blobs", Annotate(size.status(), row.row));
      if (size.ok() && *size != row.size_bytes) {
        Note("blobs",
             RowDamaged(row.row, absl::StrCat(row.size_bytes, " bytes; the blob has ", *size)));
      }
    }
    ASSIGN_OR_RETURN(const std::vector<Digest> named, references.ListNamed());
    ASSIGN_OR_RETURN(const std::vector<Digest> stored, blobs_.List());
    int64_t total = 0;
    for (const Digest& digest : stored) total += blobs_.Size(digest).value_or(0);
    for (const Digest& digest : stored) {
      Note("blobs", Annotate(blobs_.Check(digest), absl::StrCat("blob ", digest.Hex())));
      ++report_.blobs;
      report_.blob_bytes += blobs_.Size(digest).value_or(0);
      if (!std::binary_search(named.begin(), named.end(), digest)) ++report_.unnamed;
      progress(report_.blob_bytes, total);
    }
    return absl::OkStatus();
  }

  const std::string models_directory_;
  const CoordinatorKeys& keys_;
  const PublicKey key_;
  Database& database_;
  const BlobStore& blobs_;
  const TransparencyLog log_{database_};
  DataReport report_;
};

}  // namespace

absl::StatusOr<DataReport> VerifyDataDirectory(
    const std::string& path, const std::function<void(int64_t, int64_t)>& progress) {
  const DataDirectory directory(path);
  ASSIGN_OR_RETURN(const FileDescriptor lock, LockDataDirectory(directory));
  ASSIGN_OR_RETURN(const CoordinatorKeys keys, LoadCoordinatorKeys(directory));
  const absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(directory.DatabasePath());
  if (database.status().code() == absl::StatusCode::kUnavailable) return database.status();
  if (!database.ok()) {
    DataReport report;
    report.findings.push_back({.part = "database",
                               .reason = GetErrorReason(database.status()),
                               .message = std::string(database.status().message())});
    return report;
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobStore> blobs, BlobStore::Open(directory.BlobsPath()));
  return Verifier(directory, keys, **database, *blobs).Verify(progress);
}

}  // namespace kalavai::coordinator
