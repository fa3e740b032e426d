// Goal: init makes a complete, private directory or nothing; one server takes it; its certificate
// never runs out. Method: real directories; a second init, a half-made one, a foreign one; time
// moved beyond the certificate's last 90 days.
#include "coordinator/data_directory.h"

#include <filesystem>
#include <string>

#include "common/crypto/certificate.h"
#include "coordinator/certificate_store.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

int ModeOf(const std::string& path) { return static_cast<int>(fs::status(path).permissions()); }

TEST_CASE("Init makes a private directory with everything a server needs") {
  const testing::TempDir temp;
  const DataDirectory directory(temp.File("data"));
  REQUIRE_OK(InitDataDirectory({.path = directory.path(), .hosts = {"coop.example"}, .now = kNow}));
  CHECK(ModeOf(directory.path()) == 0700);
  CHECK(ModeOf(directory.AdministratorPath()) == 0700);
  for (const std::string& key :
       {directory.AuthorityKeyPath(), directory.ServerKeyPath(), directory.SigningKeyPath(),
        directory.AdministratorPath() + "/client.key"}) {
    INFO(key);
    CHECK(ModeOf(key) == 0600);
  }
  REQUIRE_OK_AND_ASSIGN(const CoordinatorKeys keys, LoadCoordinatorKeys(directory));
  CHECK(keys.coordinator_id == keys.signing_key.public_key().Hint());
  // A joining member finds the authority it was promised at the end of the chain.
  REQUIRE_OK_AND_ASSIGN(const std::vector<std::string> chain,
                        SplitCertificates(keys.server.certificate_chain_pem));
  REQUIRE(chain.size() == 2);
  CHECK(Fingerprint(chain[1]).value() == Fingerprint(keys.authority.certificate_pem()).value());
  REQUIRE_OK(VerifyIssuedBy(chain[0], chain[1], CertificatePurpose::kServer, kNow));
  // The administrator's certificate is known to the database as one of nobody's cooperative.
  REQUIRE_OK_AND_ASSIGN(const AdministratorFiles files,
                        LoadAdministratorFiles(directory.AdministratorPath()));
  CHECK(files.address.empty());
  const auto database = OpenMigrated(directory.DatabasePath());
  REQUIRE_OK_AND_ASSIGN(
      const auto row,
      CertificateStore(*database).Find(Fingerprint(files.identity.certificate_chain_pem).value()));
  REQUIRE(row.has_value());
  CHECK(row->contributor.empty());
  CHECK_FALSE(row->revoke_time.has_value());
}

TEST_CASE("Init overwrites nothing, but replaces what an interrupted one left") {
  const testing::TempDir temp;
  const std::string path = temp.File("data");
  fs::create_directories(path + "/.init/keys");
  fs::create_directories(path + "/keys");
  testing::WriteFile(path + "/keys/signing.key", "half");
  const DataDirectory directory(path);
  REQUIRE_STATUS(LoadCoordinatorKeys(directory), absl::StatusCode::kFailedPrecondition,
                 "DATA_DIRECTORY_INVALID");
  REQUIRE_OK(InitDataDirectory({.path = path, .now = kNow}));
  CHECK_FALSE(fs::exists(path + "/.init"));
  const std::string key = testing::ReadFile(directory.SigningKeyPath());
  CHECK(key != "half");
  REQUIRE_STATUS(InitDataDirectory({.path = path, .now = kNow}), absl::StatusCode::kAlreadyExists,
                 "DATA_DIRECTORY_EXISTS");
  CHECK(testing::ReadFile(directory.SigningKeyPath()) == key);

  const std::string foreign = temp.File("photographs");
  fs::create_directory(foreign);
  testing::WriteFile(foreign + "/cat.jpg", "cat");
  REQUIRE_STATUS(InitDataDirectory({.path = foreign, .now = kNow}),
                 absl::StatusCode::kAlreadyExists, "DATA_DIRECTORY_EXISTS");
  CHECK(testing::ReadFile(foreign + "/cat.jpg") == "cat");
}

TEST_CASE("One server at a time uses a directory") {
  const testing::TempDir temp;
  const DataDirectory directory(temp.File("data"));
  REQUIRE_STATUS(LockDataDirectory(directory), absl::StatusCode::kFailedPrecondition,
                 "DATA_DIRECTORY_INVALID");
  REQUIRE_OK(InitDataDirectory({.path = directory.path(), .now = kNow}));
  {
    REQUIRE_OK_AND_ASSIGN(const FileDescriptor first, LockDataDirectory(directory));
    REQUIRE_STATUS(LockDataDirectory(directory), absl::StatusCode::kUnavailable, "DATABASE_BUSY");
  }
  REQUIRE_OK(LockDataDirectory(directory));
}

TEST_CASE("The server's certificate is renewed in its last 90 days, for the same key") {
  const testing::TempDir temp;
  const DataDirectory directory(temp.File("data"));
  REQUIRE_OK(InitDataDirectory({.path = directory.path(), .now = kNow}));
  const auto leaf = [&] {
    return SplitCertificates(testing::ReadFile(directory.ServerCertificatePath())).value().front();
  };
  const std::string before = leaf();
  const absl::Time end = NotAfter(before).value();
  const absl::Duration day = absl::Hours(24);
  REQUIRE_OK_AND_ASSIGN(const bool early, RenewServerCertificate(directory, end - 91 * day));
  CHECK_FALSE(early);
  CHECK(leaf() == before);
  REQUIRE_OK_AND_ASSIGN(const bool late, RenewServerCertificate(directory, end - 90 * day));
  CHECK(late);
  CHECK(NotAfter(leaf()).value() > end);
  CHECK(PublicKeyOf(leaf()).value() == PublicKeyOf(before).value());
  REQUIRE_OK(LoadCoordinatorKeys(directory));
}

TEST_CASE("The administrator's files remember where the server answered last") {
  const testing::TempDir temp;
  const DataDirectory directory(temp.File("data"));
  REQUIRE_STATUS(LoadAdministratorFiles(directory.AdministratorPath()),
                 absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_INVALID");
  REQUIRE_OK(InitDataDirectory({.path = directory.path(), .now = kNow}));
  for (const char* address : {"127.0.0.1:50051", "[::1]:7"}) {
    REQUIRE_OK(SaveAdministratorAddress(directory, address));
    CHECK(LoadAdministratorFiles(directory.AdministratorPath()).value().address == address);
  }
}

}  // namespace
}  // namespace kalavai::coordinator
