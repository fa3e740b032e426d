// Goal: the schema is a whole number of known migrations, or the program refuses to work on it.
// Method: lists of migrations that were edited, renamed, reordered, shortened or broken half-way,
// applied to a database of the right ones.
#include "common/storage/migrator.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using testing::TempDir;

const std::vector<Migration> kMigrations = {
    {"0001_a.sql", "CREATE TABLE a(i INTEGER) STRICT; INSERT INTO a VALUES (1);"},
    {"0002_b.sql", "CREATE TABLE b(i INTEGER) STRICT; -- a comment\n"},
    {"0003_c.sql", "ALTER TABLE a ADD COLUMN j INTEGER;"}};

std::unique_ptr<Database> OpenDatabase(const TempDir& dir) {
  auto database = Database::Open(dir.File("a.db"));
  REQUIRE_OK(database);
  return *std::move(database);
}

std::vector<std::string> AppliedNames(Database& database) {
  std::vector<std::string> names;
  REQUIRE_OK(database.Query("SELECT name FROM schema_migrations ORDER BY position", [&](Row& row) {
    names.push_back(row.Text(0));
    return absl::OkStatus();
  }));
  return names;
}

TEST_CASE("Missing migrations are applied in order, once", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir);
  const absl::Time now = absl::FromUnixSeconds(1000);
  const std::vector<Migration> first(kMigrations.begin(), kMigrations.begin() + 1);
  REQUIRE_OK(Migrate(*db, first, now));
  CHECK(AppliedNames(*db) == std::vector<std::string>{"0001_a.sql"});
  REQUIRE_STATUS(CheckSchema(*db, kMigrations), StatusCode::kFailedPrecondition, "SCHEMA_OLDER");
  REQUIRE_OK(Migrate(*db, kMigrations, now));
  REQUIRE_OK(Migrate(*db, kMigrations, now));
  REQUIRE_OK(CheckSchema(*db, kMigrations));
  CHECK(AppliedNames(*db) == std::vector<std::string>{"0001_a.sql", "0002_b.sql", "0003_c.sql"});
  int rows = 0;
  REQUIRE_OK(db->Query("SELECT i, j FROM a", [&](Row& row) {
    ++rows;
    CHECK(row.Int(0) == 1);
    return absl::OkStatus();
  }));
  CHECK(rows == 1);
  REQUIRE_OK(db->Query("SELECT applied_time, sha256 FROM schema_migrations WHERE position = 2",
                       [&](Row& row) {
                         CHECK(row.Time(0) == now);
                         CHECK(row.Digest(1) == Sha256Of(kMigrations[1].sql));
                         return absl::OkStatus();
                       }));
}

TEST_CASE("A history other than ours is refused without a change", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir);
  const std::vector<Migration> two(kMigrations.begin(), kMigrations.begin() + 2);
  REQUIRE_OK(Migrate(*db, two, absl::Now()));

  std::vector<Migration> edited = kMigrations;
  edited[1].sql += " ";
  std::vector<Migration> renamed = kMigrations;
  renamed[0].name = "0001_z.sql";
  std::vector<Migration> swapped = kMigrations;
  std::swap(swapped[0], swapped[1]);
  for (const auto& list : {edited, renamed, swapped}) {
    REQUIRE_STATUS(Migrate(*db, list, absl::Now()), StatusCode::kFailedPrecondition,
                   "MIGRATION_DRIFT");
    REQUIRE_STATUS(CheckSchema(*db, list), StatusCode::kFailedPrecondition, "MIGRATION_DRIFT");
  }
  const std::vector<Migration> older(kMigrations.begin(), kMigrations.begin() + 1);
  REQUIRE_STATUS(Migrate(*db, older, absl::Now()), StatusCode::kFailedPrecondition, "SCHEMA_NEWER");
  REQUIRE_STATUS(CheckSchema(*db, older), StatusCode::kFailedPrecondition, "SCHEMA_NEWER");
  CHECK(AppliedNames(*db).size() == 2);
}

TEST_CASE("A migration that fails half-way is undone and can be mended", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir);
  std::vector<Migration> broken = kMigrations;
  for (const char* sql : {"CREATE TABLE b(i INTEGER) STRICT; CREATE TABLE b(i INTEGER) STRICT;",
                          "CREATE TABLE b(i INTEGER) STRICT; ROLLBACK;"}) {
    broken[1].sql = sql;
    const absl::Status status = Migrate(*db, broken, absl::Now());
    REQUIRE_STATUS(status, StatusCode::kInternal, "DATABASE_ERROR");
    CHECK(std::string(status.message()).find("0002_b.sql") != std::string::npos);
    CHECK(AppliedNames(*db) == std::vector<std::string>{"0001_a.sql"});
  }
  REQUIRE_OK(Migrate(*db, kMigrations, absl::Now()));
  REQUIRE_OK(CheckSchema(*db, kMigrations));
}

TEST_CASE("A new database lacks every migration", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir);
  REQUIRE_STATUS(CheckSchema(*db, kMigrations), StatusCode::kFailedPrecondition, "SCHEMA_OLDER");
  REQUIRE_OK(CheckSchema(*db, {}));
}

}  // namespace
}  // namespace kalavai
