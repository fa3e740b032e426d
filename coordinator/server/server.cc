#include "coordinator/server/server.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/logging.h"
#include "common/base/metrics.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/base/worker_queue.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/tls_credentials.h"
#include "common/storage/blob_store.h"
#include "common/storage/migrator.h"
#include "common/storage/sqlite.h"
#include "coordinator/audit.h"
#include "coordinator/blob_collector.h"
#include "coordinator/caller_identity.h"
#include "coordinator/certificate_store.h"
#include "coordinator/checkpoint/checkpoint_importer.h"
#include "coordinator/checkpoint/checkpoint_service.h"
#include "coordinator/checkpoint/checkpoint_store.h"
#include "coordinator/data_directory.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/launch/cooperative_admin_service.h"
#include "coordinator/launch/cooperative_store.h"
#include "coordinator/launch/enrollment_service.h"
#include "coordinator/launch/later_phases.h"
#include "coordinator/prediction/prediction_service.h"
#include "coordinator/prediction/prediction_store.h"
#include "coordinator/server/fusion_results.h"
#include "coordinator/server/listener.h"
#include "coordinator/server/model_phases.h"
#include "coordinator/server/operations_service.h"
#include "coordinator/server/rpc_metrics.h"
#include "coordinator/server/server_metrics.h"
#include "coordinator/submission/admission_worker.h"
#include "coordinator/submission/reported_documents.h"
#include "coordinator/submission/submission_service.h"
#include "coordinator/submission/submission_store.h"
#include "coordinator/submission/submission_watch.h"
#include "coordinator/submission/upload_session.h"
#include "coordinator/transparency/signed_log.h"
#include "coordinator/transparency/transparency_log.h"
#include "coordinator/transparency/transparency_service.h"
#include "migrations/embedded_migrations.h"

namespace kalavai::coordinator {
namespace {

int64_t ThreadsOf(const ServerOptions& options) {
  return options.threads > 0 ? options.threads
                             : std::max<int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN));
}

// What must exist before anything can be built on it.
struct Ground {
  FileDescriptor lock;
  CoordinatorKeys keys;
  std::unique_ptr<Database> database;
  std::unique_ptr<BlobStore> blobs;
};

absl::StatusOr<Ground> OpenGround(const ServerOptions& options) {
  const DataDirectory directory(options.data);
  ASSIGN_OR_RETURN(FileDescriptor lock, LockDataDirectory(directory));
  ASSIGN_OR_RETURN(const bool renewed, RenewServerCertificate(directory, options.clock->Now()));
  if (renewed) LogInfo("Renewed the server's certificate");
  ASSIGN_OR_RETURN(CoordinatorKeys keys, LoadCoordinatorKeys(directory));
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(directory.DatabasePath()));
  RETURN_IF_ERROR(Migrate(*database, EmbeddedMigrations(), options.clock->Now()));
  RETURN_IF_ERROR(database->CheckIntegrity());
  RETURN_IF_ERROR(TransparencyLog(*database).Prepare());
  ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> blobs,
                   BlobStore::Open(directory.BlobsPath(),
                                   {.free_space_floor_bytes = options.free_space_floor_bytes}));
  return Ground{.lock = std::move(lock),
                .keys = std::move(keys),
                .database = std::move(database),
                .blobs = std::move(blobs)};
}

}  // namespace

// Members are in the order of dependence: each borrows from those above it.
struct Server::Wiring {
  Wiring(const ServerOptions& server_options, Ground&& opened)
      : options(server_options), ground(std::move(opened)) {
    WireLaterPhases();
    metrics.OnCollect([this] { server_metrics.Set(TakeSample()); });
  }

  // Work that a restart interrupted goes on.
  absl::Status Resume();
  absl::Status Listen();
  void Stop(absl::Duration drain);
  // Every check of readiness, made now.
  v1::Health CheckHealth();
  AdvertisedAddresses Addresses() {
    const absl::MutexLock lock(&mutex);
    return addresses;
  }

  const ServerOptions options;
  const DataDirectory directory{options.data};
  Ground ground;
  Database& database = *ground.database;
  BlobStore& blobs = *ground.blobs;
  const Clock& clock = *options.clock;

  absl::Mutex mutex;
  AdvertisedAddresses addresses ABSL_GUARDED_BY(mutex);

  Metrics metrics;
  RpcMetrics rpc_metrics{metrics};
  ServerMetrics server_metrics{metrics};

  TransparencyLog log{database};
  SignedLog signed_log{log, ground.keys.log_signer};
  Audit audit{log, clock};
  CertificateStore certificates{database};
  CallerResolver resolver{certificates, clock};
  CooperativeStore cooperatives{database};
  CheckpointStore checkpoints{database};
  SubmissionStore submissions{database};
  PredictionStore predictions{database};
  FusionStore fusions{database};
  LaterPhases later;
  FusionResults fusion_results = ResultsOf(fusions);
  SubmissionWatches submission_watches;
  UploadSessions upload_sessions{database, submissions, blobs, clock};
  // Two queues: checking a submission takes minutes, and an upload's sync must not wait for it.
  WorkerQueue workers{static_cast<int>(limits::kWorkerThreads), limits::kWorkerTasksMax};
  WorkerQueue admission_queue{1, limits::kAdmissionTasksMax};
  AdmissionWorker admission{{.database = database,
                             .submissions = submissions,
                             .cooperatives = cooperatives,
                             .checkpoints = checkpoints,
                             .blobs = blobs,
                             .audit = audit,
                             .log = signed_log,
                             .signing_key = ground.keys.signing_key,
                             .queue = admission_queue,
                             .clock = clock}};
  ModelPhases models{{.database = database,
                      .blobs = blobs,
                      .cooperatives = cooperatives,
                      .checkpoints = checkpoints,
                      .submissions = submissions,
                      .fusions = fusions,
                      .audit = audit,
                      .resolver = resolver,
                      .log = signed_log,
                      .key = ground.keys.signing_key,
                      .quarantine =
                          [this](const std::string& submission, const CheckResult& check,
                                 const nlohmann::json& evidence) {
                            return admission.Quarantine(submission, check, evidence);
                          },
                      .clock = clock,
                      .workers = workers,
                      .fusions_directory = directory.FusionsPath(),
                      .models_directory = directory.ModelsPath(),
                      .threads = ThreadsOf(options),
                      .device = options.device,
                      .probe_jobs = {.count = options.probe_jobs},
                      .on_fusion_state =
                          [this](FusionState state, double seconds) {
                            server_metrics.CountFusionState(FusionStateName(state), seconds);
                          },
                      .on_fusion_pass = [this] { server_metrics.CountFusionPass(); },
                      .forget_measurement =
                          [this](absl::string_view cooperative, absl::string_view contributor) {
                            return predictions.DeleteMeasurement(cooperative, contributor);
                          }}};

  CooperativeAdminService admin_service{{.database = database,
                                         .blobs = blobs,
                                         .cooperatives = cooperatives,
                                         .certificates = certificates,
                                         .audit = audit,
                                         .resolver = resolver,
                                         .authority = ground.keys.authority,
                                         .signing_key = ground.keys.signing_key,
                                         .later = later,
                                         .addresses = [this] { return Addresses(); },
                                         .workers = workers,
                                         .clock = clock}};
  EnrollmentService enrollment_service{
      {.database = database,
       .cooperatives = cooperatives,
       .certificates = certificates,
       .audit = audit,
       .authority = ground.keys.authority,
       .coordinator_public_key = ground.keys.signing_key.public_key().Pem(),
       .log = signed_log,
       .later = later,
       .clock = clock}};
  CheckpointService checkpoint_service{checkpoints, blobs, resolver};
  SubmissionService submission_service{{.database = database,
                                        .submissions = submissions,
                                        .cooperatives = cooperatives,
                                        .checkpoints = checkpoints,
                                        .blobs = blobs,
                                        .sessions = upload_sessions,
                                        .admission = admission,
                                        .watches = submission_watches,
                                        .audit = audit,
                                        .resolver = resolver,
                                        .queue = workers,
                                        .clock = clock}};
  PredictionService prediction_service{{.database = database,
                                        .cooperatives = cooperatives,
                                        .predictions = predictions,
                                        .audit = audit,
                                        .resolver = resolver,
                                        .fusions = fusion_results,
                                        .clock = clock}};
  TransparencyService transparency_service{signed_log, resolver};
  OperationsService operations_service{metrics, [this] { return CheckHealth(); }, resolver};

  bool ready = true;  // what UpdateHealth found last
  std::unique_ptr<Listener> main_listener;
  std::unique_ptr<Listener> enroll_listener;

 private:
  void WireLaterPhases();
  void CollectUnnamed();
  ServerMetrics::Sample TakeSample();
  absl::StatusOr<std::optional<BaseSummary>> FindBase(const std::string& cooperative) const;
  absl::Status ImportBase(const std::string& cooperative, const std::string& source,
                          const std::string& actor);
};

absl::StatusOr<std::optional<BaseSummary>> Server::Wiring::FindBase(
    const std::string& cooperative) const {
  ASSIGN_OR_RETURN(const std::optional<CheckpointRow> row,
                   checkpoints.Find(cooperative, kBaseCheckpoint));
  if (!row.has_value()) return std::nullopt;
  BaseSummary base = {.root_digest = row->root_digest, .files = {}};
  for (const CheckpointFileRow& file : row->files) {
    base.files.push_back({.path = file.path, .size_bytes = file.size_bytes, .digest = file.digest});
  }
  return base;
}

absl::Status Server::Wiring::ImportBase(const std::string& cooperative, const std::string& source,
                                        const std::string& actor) {
  ASSIGN_OR_RETURN(const CheckpointRow row,
                   ImportCheckpointFiles(cooperative, source, blobs, ground.keys.signing_key));
  return database.Transact([&]() -> absl::Status {
    // The phase may have changed while files were copied.
    RETURN_IF_ERROR(cooperatives.GetFor(cooperative, CooperativeAct::kImportBase).status());
    for (const CheckpointFileRow& file : row.files) {
      RETURN_IF_ERROR(blobs.Size(file.digest).status());  // the collector may have been faster
    }
    RETURN_IF_ERROR(checkpoints.Put(row, clock.Now()));
    return audit
        .Append(actor, "IMPORT_BASE", CheckpointName(cooperative, kBaseCheckpoint),
                {{"root_digest", row.root_digest.Hex()}})
        .status();
  });
}

void Server::Wiring::WireLaterPhases() {
  later.find_base = [this](const std::string& cooperative) { return FindBase(cooperative); };
  later.import_base = [this](const std::string& cooperative, const std::string& source,
                             const std::string& actor) {
    return ImportBase(cooperative, source, actor);
  };
  later.decide_submission =
      [this](const SubmissionDecision& decision) -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(const SubmissionState state,
                     admission.DecideQuarantined(decision.name, decision.admit, decision.comment,
                                                 decision.actor));
    server_metrics.CountDecision(decision.admit);
    return std::string(SubmissionStateName(state));
  };
  later.find_training_documents = [this](const std::string& contributor) {
    return ReportedDocumentsOfMember(blobs, submissions, contributor);
  };
  later.withdraw_contributor = [this](const std::string& contributor, const std::string& actor,
                                      const std::string& comment) {
    return models.RecordWithdrawal(contributor, actor, comment);
  };
  later.after_withdrawal = [this] { return models.FinishWithdrawal(); };
  later.find_withdrawal =
      [this](const std::string& contributor) -> absl::StatusOr<WithdrawalSummary> {
    ASSIGN_OR_RETURN(const WithdrawalRecord record, models.GetWithdrawal(contributor));
    return WithdrawalSummary{.state = std::string(WithdrawalStateName(record.state)),
                             .receipt_envelope = record.receipt_envelope,
                             .files_deleted = record.files_deleted,
                             .masked_model = record.masked_model,
                             .fusion = record.fusion,
                             .model = record.model,
                             .outcome = record.outcome,
                             .comment = record.comment,
                             .withdraw_time = record.withdraw_time};
  };
  admission.OnDecided(
      [this](const std::string& submission, SubmissionState state, absl::string_view reason) {
        server_metrics.CountVerdict(SubmissionStateName(state), reason);
        submission_watches.Notify(submission);
      });
}

ServerMetrics::Sample Server::Wiring::TakeSample() {
  const absl::StatusOr<std::vector<std::string>> staging = blobs.ListStaging();
  const absl::StatusOr<int64_t> leaves = log.Size();
  const std::string path = directory.DatabasePath();
  std::error_code error;
  const GenerationEngine::Counts generation = models.generation_counts();
  std::optional<std::map<std::string, int64_t>> states;
  if (const auto unfinished = fusions.ListUnfinished(); unfinished.ok()) {
    states.emplace();
    for (const FusionRecord& fusion : *unfinished) {
      ++(*states)[std::string(FusionStateName(fusion.state))];
    }
  }
  int64_t database_bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    const auto size = std::filesystem::file_size(path + suffix, error);
    if (!error) database_bytes += static_cast<int64_t>(size);
  }
  return {.disk_free_bytes = DiskFreeBytes(options.data),
          .staging_bytes = blobs.StagingBytes().value_or(-1),
          .uploads_open = staging.ok() ? static_cast<int64_t>(staging->size()) : -1,
          .database_bytes = database_bytes,
          .log_leaves = leaves.value_or(-1),
          .upload_bytes_received = upload_sessions.bytes_received(),
          .prompt_tokens = generation.prompt_tokens,
          .output_tokens = generation.output_tokens,
          .fusions = std::move(states),
          .queues = {{.name = "uploads", .counts = workers.counts()},
                     {.name = "admission", .counts = admission_queue.counts()},
                     {.name = "fusions", .counts = models.fusion_counts()},
                     {.name = "generation",
                      .counts = {.waiting = generation.waiting, .refused = generation.refused}}}};
}

v1::Health Server::Wiring::CheckHealth() {
  v1::Health health;
  bool serving = true;
  const auto add = [&](const char* name, const absl::Status& status) {
    v1::Health::Check& check = *health.add_checks();
    check.set_name(name);
    check.set_passed(status.ok());
    check.set_message(std::string(status.message()));
    server_metrics.SetCheck(name, status.ok());
    serving = serving && status.ok();
  };
  // Takes and releases the write lock: what every acknowledged act needs.
  add("database", database.Transact([] { return absl::OkStatus(); }));
  add("disk", blobs.CheckFreeSpace(0));
  health.set_serving(serving);
  return health;
}

// Room on the disk, not truth: a failure is logged, and the next start tries again.
void Server::Wiring::CollectUnnamed() {
  const auto collected = BlobCollector(database, blobs).CollectAll(clock.Now());
  if (!collected.ok()) {
    LogError("Could not collect files that no row names",
             {{"error", std::string(collected.status().message())}});
  } else if (collected->files > 0) {
    LogInfo("Collected files that no row names",
            {{"files", absl::StrCat(collected->files)}, {"bytes", absl::StrCat(collected->bytes)}});
  }
}

absl::Status Server::Wiring::Resume() {
  RETURN_IF_ERROR(upload_sessions.SweepExpired());
  CollectUnnamed();
  RETURN_IF_ERROR(admission.StartUnfinished());
  return models.Start();
}

absl::Status Server::Wiring::Listen() {
  ASSIGN_OR_RETURN(const HostPort main_address, SplitHostPort(options.listen, "--listen"));
  std::string host = options.advertise.empty() ? main_address.host : options.advertise;
  if (host == "0.0.0.0" || host == "::") host = "localhost";
  ASSIGN_OR_RETURN(enroll_listener,
                   Listener::Start({.address = options.enroll_listen,
                                    .credentials = TlsServerCredentials(ground.keys.server),
                                    .services = {&enrollment_service},
                                    .flag = "--enroll-listen",
                                    .metrics = &rpc_metrics}));
  ASSIGN_OR_RETURN(
      main_listener,
      Listener::Start(
          {.address = options.listen,
           .credentials = MutualTlsServerCredentials(ground.keys.server,
                                                     ground.keys.authority.certificate_pem()),
           .services = {&admin_service, &checkpoint_service, &submission_service,
                        &prediction_service, &models.fusion_service(), &models.inference_service(),
                        &transparency_service, &operations_service},
           .flag = "--listen",
           .metrics = &rpc_metrics,
           .message_bytes_max = limits::kUploadMessageBytesMax,
           .health = true}));
  {
    const absl::MutexLock lock(&mutex);
    addresses = {.enroll = JoinHostPort(host, enroll_listener->port()),
                 .service = JoinHostPort(host, main_listener->port())};
  }
  // Administrators on this machine find the server without being told.
  return SaveAdministratorAddress(directory, JoinHostPort("localhost", main_listener->port()));
}

void Server::Wiring::Stop(absl::Duration drain) {
  if (enroll_listener != nullptr) enroll_listener->Stop(absl::ZeroDuration());
  if (main_listener != nullptr) main_listener->Stop(drain);
  models.Stop();
  admission_queue.Stop();
  workers.Stop();
}

Server::Server(std::unique_ptr<Wiring> wiring) : wiring_(std::move(wiring)) {}

Server::~Server() { Stop(absl::ZeroDuration()); }

int Server::port() const { return wiring_->main_listener->port(); }
int Server::enroll_port() const { return wiring_->enroll_listener->port(); }
std::string Server::service_address() const { return wiring_->Addresses().service; }
std::string Server::enroll_address() const { return wiring_->Addresses().enroll; }
bool Server::UpdateHealth() {
  const v1::Health health = wiring_->CheckHealth();
  wiring_->main_listener->SetServing(health.serving());
  // Lines at the change only: a full disk must not fill its log.
  if (!health.serving() && wiring_->ready) {
    for (const v1::Health::Check& check : health.checks()) {
      if (check.passed()) continue;
      LogError("Lost readiness", {{"check", check.name()}, {"message", check.message()}});
    }
  }
  if (health.serving() && !wiring_->ready) LogInfo("Regained readiness");
  wiring_->ready = health.serving();
  return health.serving();
}
void Server::Stop(absl::Duration drain) { wiring_->Stop(drain); }

absl::StatusOr<std::unique_ptr<Server>> StartServer(const ServerOptions& options) {
  ASSIGN_OR_RETURN(Ground ground, OpenGround(options));
  auto wiring = std::make_unique<Server::Wiring>(options, std::move(ground));
  RETURN_IF_ERROR(wiring->Resume());
  RETURN_IF_ERROR(wiring->Listen());
  LogInfo("Started coordinator", {{"version", std::string(Version())},
                                  {"service", wiring->Addresses().service},
                                  {"enroll", wiring->Addresses().enroll},
                                  {"coordinator", wiring->ground.keys.coordinator_id}});
  auto server = std::make_unique<Server>(std::move(wiring));
  server->UpdateHealth();
  return server;
}

}  // namespace kalavai::coordinator
