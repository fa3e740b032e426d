// The coordinator's data directory: every path of it, how it is made, how it is taken by one
// server.
//
//   DATA/coordinator.db              SQLite
//   DATA/blobs/                      files by digest (common/storage/blob_store)
//   DATA/fusions/                    work files of fusions; can be made again
//   DATA/models/                     directories of released models
//   DATA/keys/authority.{pem,key}    the private CA
//   DATA/keys/server.{pem,key}       TLS of both listeners; the chain ends with the CA, so that a
//                                    joining member can compare its fingerprint
//   DATA/keys/signing.key            P-256: charter, base, receipts, releases
//   DATA/keys/log.key                Ed25519: the record's tree heads
//   DATA/administrator/              authority.pem, client.pem, client.key, address: copy this
//                                    folder to run administrator's commands from another machine
//   DATA/lock                        flock(2) held by the running server
//
// Mode 0700; keys 0600. The coordinator's id is the hint of its signing key (SHA-256 of the public
// PEM, hexadecimal): submission.json names it. Errors: DATA_DIRECTORY_EXISTS (ALREADY_EXISTS),
// DATA_DIRECTORY_INVALID (FAILED_PRECONDITION: not made by 'init', or incomplete), DATABASE_BUSY
// (UNAVAILABLE: in use), and those of the file system. Values and functions; any thread.
#ifndef KALAVAI_COORDINATOR_DATA_DIRECTORY_H_
#define KALAVAI_COORDINATOR_DATA_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/crypto/certificate.h"
#include "common/crypto/note_key.h"
#include "common/crypto/signing_key.h"
#include "common/rpc/tls_credentials.h"
#include "common/storage/file_descriptor.h"

namespace kalavai::coordinator {

class DataDirectory {
 public:
  explicit DataDirectory(std::string path);

  const std::string& path() const { return path_; }
  std::string DatabasePath() const;
  std::string BlobsPath() const;
  std::string FusionsPath() const;
  std::string ModelsPath() const;
  std::string AuthorityCertificatePath() const;
  std::string AuthorityKeyPath() const;
  std::string ServerCertificatePath() const;
  std::string ServerKeyPath() const;
  std::string SigningKeyPath() const;
  std::string LogKeyPath() const;
  std::string AdministratorPath() const;
  std::string LockPath() const;

 private:
  std::string path_;
};

struct InitOptions {
  std::string path;
  // DNS names and IP addresses under which members reach the server; localhost, 127.0.0.1 and ::1
  // are always in the certificate.
  std::vector<std::string> hosts = {};
  absl::Time now;
};

// Makes keys, certificates and an up-to-date database that knows the administrator's certificate.
// All or nothing: everything is made in DATA/.init and moved, the database last; what an
// interrupted init left is replaced by the next. The directory may be a mount point.
absl::Status InitDataDirectory(const InitOptions& options);

// What a server needs from the directory.
struct CoordinatorKeys {
  CertificateAuthority authority;
  SigningKey signing_key;
  TlsIdentity server;
  NoteSigner log_signer;       // named "kalavai/" + coordinator_id
  std::string coordinator_id;  // hint of the signing key
};
// A directory made before the record was signed gets its log key here.
absl::StatusOr<CoordinatorKeys> LoadCoordinatorKeys(const DataDirectory& directory);

// Issues the server's certificate anew, for the hosts given at init, when it ends within 90 days.
// Returns whether it did.
absl::StatusOr<bool> RenewServerCertificate(const DataDirectory& directory, absl::Time now);

// Locks the directory for one server; released when the descriptor closes or the process ends.
absl::StatusOr<FileDescriptor> LockDataDirectory(const DataDirectory& directory);

// DATA/administrator as a client sees it.
struct AdministratorFiles {
  TlsIdentity identity;
  std::string authority_pem;
  std::string address;  // host:port of the last server that served this directory; "" before
};
absl::StatusOr<AdministratorFiles> LoadAdministratorFiles(const std::string& directory);
absl::Status SaveAdministratorAddress(const DataDirectory& directory, const std::string& address);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_DATA_DIRECTORY_H_
