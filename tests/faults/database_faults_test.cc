// Goal: a transaction is whole or absent, and a schema has a whole number of migrations, whatever
// file call fails; opening again repairs. Method: every file call of SQLite and ours fails in turn
// (every_call.h), with the product's migrations.
#include <span>
#include <string>
#include <vector>

#include "common/base/status_macros.h"
#include "common/storage/migrator.h"
#include "common/storage/sqlite.h"
#include "coordinator/transparency/transparency_log.h"
#include "migrations/embedded_migrations.h"
#include "tests/faults/every_call.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using coordinator::TransparencyLog;
using testing::ForEveryFault;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string PathIn(const std::string& directory) { return directory + "/coordinator.db"; }

int64_t Count(Database& database, absl::string_view sql) {
  int64_t count = -1;
  REQUIRE_OK(database.Query(sql, [&](Row& row) {
    count = row.Int(0);
    return absl::OkStatus();
  }));
  return count;
}

TEST_CASE("A schema has a whole number of migrations", "[faults]") {
  const int64_t runs = ForEveryFault(
      {.act = [](const std::string& dir) -> absl::Status {
         ASSIGN_OR_RETURN(const auto database, Database::Open(PathIn(dir)));
         return Migrate(*database, EmbeddedMigrations(), kNow);
       },
       .inspect =
           [](const std::string& dir, bool done) {
             REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(PathIn(dir)));
             REQUIRE_OK(database->CheckIntegrity());
             const int64_t tables = Count(
                 *database, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'");
             const size_t applied = tables == 0
                                        ? 0
                                        : static_cast<size_t>(Count(
                                              *database, "SELECT count(*) FROM schema_migrations"));
             if (done) REQUIRE(applied == EmbeddedMigrations().size());
             if (tables != 0) {
               REQUIRE_OK(
                   CheckSchema(*database, std::span(EmbeddedMigrations()).subspan(0, applied)));
             }
           },
       .goes_on_when_interrupted = false});
  CHECK(runs > 200);
}

TEST_CASE("A change and its leaf in the log are committed together or not at all", "[faults]") {
  ForEveryFault({.prepare =
                     [](const std::string& dir) {
                       REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(PathIn(dir)));
                       REQUIRE_OK(Migrate(*database, EmbeddedMigrations(), kNow));
                       REQUIRE_OK(database->Execute("CREATE TABLE changes(i INTEGER) STRICT"));
                     },
                 .act = [](const std::string& dir) -> absl::Status {
                   ASSIGN_OR_RETURN(const auto database, Database::Open(PathIn(dir)));
                   TransparencyLog log(*database);
                   absl::Status status;
                   for (int i = 0; i < 3 && status.ok(); ++i) {
                     status = database->Transact([&]() -> absl::Status {
                       RETURN_IF_ERROR(database->Execute("INSERT INTO changes VALUES (?)", i));
                       ASSIGN_OR_RETURN(const int64_t size, log.Size());
                       return log.Append(size, std::string(6000, 'x'), kNow);
                     });
                   }
                   return status;
                 },
                 .inspect =
                     [](const std::string& dir, bool done) {
                       REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(PathIn(dir)));
                       REQUIRE_OK(database->CheckIntegrity());
                       REQUIRE_OK_AND_ASSIGN(const int64_t leaves,
                                             TransparencyLog(*database).Size());
                       REQUIRE(leaves == Count(*database, "SELECT count(*) FROM changes"));
                       if (done) REQUIRE(leaves >= 3);
                     },
                 .goes_on_when_interrupted = false});
}

TEST_CASE("A connection whose disk failed says so until it is opened again", "[faults]") {
  const testing::TempDir dir;
  REQUIRE_OK_AND_ASSIGN(auto database, Database::Open(dir.File("a.db")));
  REQUIRE_OK(database->Execute("CREATE TABLE t(i INTEGER) STRICT"));
  const auto insert = [&] { return database->Execute("INSERT INTO t VALUES (1)"); };
  int64_t failures = 0;
  for (int64_t call = 1; call <= 3; ++call) {
    testing::FaultyFileSystem faults(dir.path(), {.call = call, .error = EIO});
    const absl::Status status = database->Transact(insert);
    faults.Disarm();
    if (status.ok()) continue;
    ++failures;
    REQUIRE_STATUS(status, absl::StatusCode::kUnavailable, "DATABASE_FAILED");
    REQUIRE_STATUS(database->Transact(insert), absl::StatusCode::kUnavailable, "DATABASE_FAILED");
    database.reset();
    REQUIRE_OK_AND_ASSIGN(database, Database::Open(dir.File("a.db")));
    REQUIRE_OK(database->Transact(insert));
  }
  CHECK(failures >= 2);  // the write of the log and its sync
}

TEST_CASE("A full disk refuses a change, and the connection goes on", "[faults]") {
  const testing::TempDir dir;
  REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(dir.File("a.db")));
  REQUIRE_OK(database->Execute("CREATE TABLE t(i INTEGER) STRICT"));
  const auto insert = [&] { return database->Execute("INSERT INTO t VALUES (1)"); };
  testing::FaultyFileSystem faults(dir.path(), {.call = 1, .error = ENOSPC});
  REQUIRE_STATUS(database->Transact(insert), absl::StatusCode::kResourceExhausted, "DISK_FULL");
  faults.Disarm();
  REQUIRE_OK(database->Transact(insert));
  CHECK(Count(*database, "SELECT count(*) FROM t") == 1);
}

}  // namespace
}  // namespace kalavai
