#include "coordinator/data_directory.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"
#include "common/storage/migrator.h"
#include "common/storage/sqlite.h"
#include "coordinator/certificate_store.h"
#include "migrations/embedded_migrations.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr char kStaging[] = ".init";  // an unfinished init; harmless, replaced by the next
constexpr char kDatabase[] = "coordinator.db";
constexpr mode_t kSecret = 0600;
constexpr mode_t kPrivateDirectory = 0700;
// The server's certificate is renewed at every start that finds less than this left.
constexpr absl::Duration kServerLifetime = absl::Hours(24 * 397);
constexpr absl::Duration kServerRenewal = absl::Hours(24 * 90);
// An administrator's files live beside the authority's own key: a short life would protect nothing.
constexpr absl::Duration kAdministratorLifetime = absl::Hours(24 * 365 * 5);

absl::Status Invalid(const std::string& path, absl::string_view found) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_INVALID",
                   {.what = absl::StrCat("data directory ", path, ": ", found,
                                         "; must be one made by 'init' and used by one server"),
                    .fix = absl::StrCat("kalavai-coordinator init --data ", path),
                    .metadata = {{"path", path}}});
}

bool IsAddress(absl::string_view host) {
  return host.find(':') != absl::string_view::npos ||
         host.find_first_not_of("0123456789.") == absl::string_view::npos;
}

std::string Join(const std::string& directory, absl::string_view name) {
  return absl::StrCat(directory, "/", name);
}

std::string HostsPath(const DataDirectory& directory) {
  return Join(directory.path(), "keys/server.hosts");
}

// Writes the server's certificate for `hosts`, followed by the authority's.
absl::Status IssueServer(const DataDirectory& directory, const CertificateAuthority& authority,
                         const SigningKey& key, const std::vector<std::string>& hosts,
                         absl::Time now) {
  ServerCertificateRequest request = {.public_key = key.public_key(),
                                      .common_name = "kalavai-coordinator",
                                      .now = now,
                                      .lifetime = kServerLifetime};
  for (const std::string& host : hosts) {
    (IsAddress(host) ? request.ip_addresses : request.dns_names).push_back(host);
  }
  ASSIGN_OR_RETURN(const std::string certificate, authority.IssueServerCertificate(request));
  return WriteFileAtomically(directory.ServerCertificatePath(),
                             absl::StrCat(certificate, authority.certificate_pem()), kSecret);
}

std::vector<std::string> AllHosts(const std::vector<std::string>& wanted) {
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  for (const std::string& host : wanted) {
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  }
  return hosts;
}

// Refuses an initialised or foreign directory; removes what an interrupted init left.
absl::Status PrepareTarget(const std::string& path) {
  RETURN_IF_ERROR(EnsureDirectory(path, kPrivateDirectory));
  if (fs::exists(Join(path, kDatabase))) {
    return MakeError(absl::StatusCode::kAlreadyExists, "DATA_DIRECTORY_EXISTS",
                     {.what = absl::StrCat("data directory ", path,
                                           ": initialised already; must be empty or absent"),
                      .why = "keys and records are never overwritten",
                      .fix = absl::StrCat("serve it: kalavai-coordinator serve --data ", path),
                      .metadata = {{"path", path}}});
  }
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kStaging || name == "keys" || name == "administrator" || name == "lost+found") {
      continue;
    }
    return MakeError(
        absl::StatusCode::kAlreadyExists, "DATA_DIRECTORY_EXISTS",
        {.what = absl::StrCat("data directory ", path, ": holds ", name, "; must be empty"),
         .fix = "choose another directory",
         .metadata = {{"path", path}}});
  }
  for (const char* part : {kStaging, "keys", "administrator"}) {
    fs::remove_all(Join(path, part), error);
    if (error) return ErrnoError(error.value(), "remove", Join(path, part));
  }
  if (chmod(path.c_str(), kPrivateDirectory) != 0) return ErrnoError(errno, "chmod", path);
  return absl::OkStatus();
}

absl::Status MakeDatabase(const DataDirectory& directory, absl::string_view administrator_pem,
                          absl::Time now) {
  ASSIGN_OR_RETURN(const auto database, Database::Open(directory.DatabasePath()));
  RETURN_IF_ERROR(Migrate(*database, EmbeddedMigrations(), now));
  CertificateRow row;
  ASSIGN_OR_RETURN(row.fingerprint, Fingerprint(administrator_pem));
  ASSIGN_OR_RETURN(row.not_after, NotAfter(administrator_pem));
  CertificateStore certificates(*database);
  return certificates.Insert(row, now);
}

std::string LogName(absl::string_view coordinator_id) {
  return absl::StrCat("kalavai/", coordinator_id);
}

absl::Status MakeLogKey(const DataDirectory& directory, absl::string_view coordinator_id) {
  ASSIGN_OR_RETURN(const NoteSigner signer, NoteSigner::Create(LogName(coordinator_id)));
  return signer.SaveToFile(directory.LogKeyPath());
}

absl::Status MakeEverything(const DataDirectory& directory, const std::vector<std::string>& hosts,
                            absl::Time now) {
  RETURN_IF_ERROR(EnsureDirectory(Join(directory.path(), "keys"), kPrivateDirectory));
  RETURN_IF_ERROR(EnsureDirectory(directory.AdministratorPath(), kPrivateDirectory));
  ASSIGN_OR_RETURN(const CertificateAuthority authority,
                   CertificateAuthority::Create("KALAVAI cooperative authority", now));
  RETURN_IF_ERROR(authority.key().SaveToFile(directory.AuthorityKeyPath()));
  RETURN_IF_ERROR(WriteFileAtomically(directory.AuthorityCertificatePath(),
                                      authority.certificate_pem(), kSecret));
  ASSIGN_OR_RETURN(const SigningKey server_key, SigningKey::Create());
  RETURN_IF_ERROR(server_key.SaveToFile(directory.ServerKeyPath()));
  RETURN_IF_ERROR(
      WriteFileAtomically(HostsPath(directory), absl::StrJoin(hosts, "\n") + "\n", kSecret));
  RETURN_IF_ERROR(IssueServer(directory, authority, server_key, hosts, now));
  ASSIGN_OR_RETURN(const SigningKey signing_key, SigningKey::Create());
  RETURN_IF_ERROR(signing_key.SaveToFile(directory.SigningKeyPath()));
  RETURN_IF_ERROR(MakeLogKey(directory, signing_key.public_key().Hint()));

  ASSIGN_OR_RETURN(const SigningKey administrator_key, SigningKey::Create());
  ASSIGN_OR_RETURN(const std::string request, CreateCsr(administrator_key, "administrator"));
  ASSIGN_OR_RETURN(const std::string certificate,
                   authority.IssueClientCertificate({.csr_pem = request,
                                                     .common_name = "administrator",
                                                     .now = now,
                                                     .lifetime = kAdministratorLifetime}));
  const std::string folder = directory.AdministratorPath();
  RETURN_IF_ERROR(administrator_key.SaveToFile(Join(folder, "client.key")));
  RETURN_IF_ERROR(WriteFileAtomically(Join(folder, "client.pem"), certificate, kSecret));
  RETURN_IF_ERROR(
      WriteFileAtomically(Join(folder, "authority.pem"), authority.certificate_pem(), kSecret));
  return MakeDatabase(directory, certificate, now);
}

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  return ReadFileBounded(path, limits::kMiB);
}

}  // namespace

DataDirectory::DataDirectory(std::string path) : path_(std::move(path)) {}

std::string DataDirectory::DatabasePath() const { return Join(path_, kDatabase); }
std::string DataDirectory::BlobsPath() const { return Join(path_, "blobs"); }
std::string DataDirectory::FusionsPath() const { return Join(path_, "fusions"); }
std::string DataDirectory::ModelsPath() const { return Join(path_, "models"); }
std::string DataDirectory::AuthorityCertificatePath() const {
  return Join(path_, "keys/authority.pem");
}
std::string DataDirectory::AuthorityKeyPath() const { return Join(path_, "keys/authority.key"); }
std::string DataDirectory::ServerCertificatePath() const { return Join(path_, "keys/server.pem"); }
std::string DataDirectory::ServerKeyPath() const { return Join(path_, "keys/server.key"); }
std::string DataDirectory::SigningKeyPath() const { return Join(path_, "keys/signing.key"); }
std::string DataDirectory::LogKeyPath() const { return Join(path_, "keys/log.key"); }
std::string DataDirectory::AdministratorPath() const { return Join(path_, "administrator"); }
std::string DataDirectory::LockPath() const { return Join(path_, "lock"); }

absl::Status InitDataDirectory(const InitOptions& options) {
  RETURN_IF_ERROR(PrepareTarget(options.path));
  const DataDirectory staging(Join(options.path, kStaging));
  RETURN_IF_ERROR(EnsureDirectory(staging.path(), kPrivateDirectory));
  RETURN_IF_ERROR(MakeEverything(staging, AllHosts(options.hosts), options.now));
  // The database comes last: a directory that has one is complete.
  for (const char* part : {"keys", "administrator", kDatabase}) {
    const std::string from = Join(staging.path(), part);
    const std::string to = Join(options.path, part);
    if (rename(from.c_str(), to.c_str()) != 0) return ErrnoError(errno, "rename", to);
  }
  RETURN_IF_ERROR(SyncDirectory(options.path));
  std::error_code ignored;  // an empty folder that stays hurts nobody
  fs::remove_all(staging.path(), ignored);
  return absl::OkStatus();
}

absl::StatusOr<CoordinatorKeys> LoadCoordinatorKeys(const DataDirectory& directory) {
  if (!fs::exists(directory.DatabasePath()) || !fs::exists(directory.SigningKeyPath())) {
    return Invalid(directory.path(), "not initialised");
  }
  ASSIGN_OR_RETURN(SigningKey authority_key,
                   SigningKey::LoadFromFile(directory.AuthorityKeyPath()));
  ASSIGN_OR_RETURN(const std::string authority_pem, ReadPem(directory.AuthorityCertificatePath()));
  ASSIGN_OR_RETURN(CertificateAuthority authority,
                   CertificateAuthority::Load(authority_pem, std::move(authority_key)));
  ASSIGN_OR_RETURN(SigningKey signing_key, SigningKey::LoadFromFile(directory.SigningKeyPath()));
  ASSIGN_OR_RETURN(const SigningKey server_key,
                   SigningKey::LoadFromFile(directory.ServerKeyPath()));
  TlsIdentity server;
  ASSIGN_OR_RETURN(server.private_key_pem, server_key.PrivatePem());
  ASSIGN_OR_RETURN(server.certificate_chain_pem, ReadPem(directory.ServerCertificatePath()));
  std::string id = signing_key.public_key().Hint();
  if (!fs::exists(directory.LogKeyPath())) RETURN_IF_ERROR(MakeLogKey(directory, id));
  ASSIGN_OR_RETURN(NoteSigner log_signer,
                   NoteSigner::LoadFromFile(directory.LogKeyPath(), LogName(id)));
  return CoordinatorKeys{.authority = std::move(authority),
                         .signing_key = std::move(signing_key),
                         .server = std::move(server),
                         .log_signer = std::move(log_signer),
                         .coordinator_id = std::move(id)};
}

absl::StatusOr<bool> RenewServerCertificate(const DataDirectory& directory, absl::Time now) {
  ASSIGN_OR_RETURN(const CoordinatorKeys keys, LoadCoordinatorKeys(directory));
  ASSIGN_OR_RETURN(const std::vector<std::string> chain,
                   SplitCertificates(keys.server.certificate_chain_pem));
  ASSIGN_OR_RETURN(const absl::Time end, NotAfter(chain[0]));
  if (end - now > kServerRenewal) return false;
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::LoadFromFile(directory.ServerKeyPath()));
  ASSIGN_OR_RETURN(const std::string text, ReadPem(HostsPath(directory)));
  const std::vector<std::string> hosts = absl::StrSplit(text, '\n', absl::SkipEmpty());
  RETURN_IF_ERROR(IssueServer(directory, keys.authority, key, hosts, now));
  return true;
}

absl::StatusOr<FileDescriptor> LockDataDirectory(const DataDirectory& directory) {
  if (!fs::exists(directory.DatabasePath())) return Invalid(directory.path(), "not initialised");
  ASSIGN_OR_RETURN(FileDescriptor lock,
                   FileDescriptor::Open(directory.LockPath(), O_RDWR | O_CREAT, kSecret));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return MakeError(absl::StatusCode::kUnavailable, "DATABASE_BUSY",
                     {.what = absl::StrCat("data directory ", directory.path(),
                                           ": another server uses it; must be used by one program"),
                      .fix = "stop the other program first",
                      .metadata = {{"path", directory.path()}}});
  }
  return ErrnoError(errno, "lock", directory.LockPath());
}

absl::StatusOr<AdministratorFiles> LoadAdministratorFiles(const std::string& directory) {
  if (!fs::exists(Join(directory, "client.key"))) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_INVALID",
        {.what = absl::StrCat(directory, ": no administrator's files; must hold what 'init' made"),
         .why = "an administrator is known by the certificate in these files",
         .fix = "name the coordinator's directory with --data, or a copy of its administrator "
                "folder with --administrator",
         .metadata = {{"path", directory}}});
  }
  AdministratorFiles files;
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::LoadFromFile(Join(directory, "client.key")));
  ASSIGN_OR_RETURN(files.identity.private_key_pem, key.PrivatePem());
  ASSIGN_OR_RETURN(files.identity.certificate_chain_pem, ReadPem(Join(directory, "client.pem")));
  ASSIGN_OR_RETURN(files.authority_pem, ReadPem(Join(directory, "authority.pem")));
  if (fs::exists(Join(directory, "address"))) {
    ASSIGN_OR_RETURN(const std::string address, ReadPem(Join(directory, "address")));
    files.address = std::string(absl::StripAsciiWhitespace(address));
  }
  return files;
}

absl::Status SaveAdministratorAddress(const DataDirectory& directory, const std::string& address) {
  return WriteFileAtomically(Join(directory.AdministratorPath(), "address"), address + "\n",
                             kSecret);
}

}  // namespace kalavai::coordinator
