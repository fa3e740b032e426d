// Goal: a transaction happens whole or not at all, from any thread, on a file that is ours.
// Method: a real database in a temporary directory; a second connection stands for another program,
// and what survives is read after opening again.
#include "common/storage/sqlite.h"

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using testing::TempDir;

std::unique_ptr<Database> OpenDatabase(const std::string& path) {
  auto database = Database::Open(path, {.busy_timeout = absl::Milliseconds(10)});
  REQUIRE_OK(database);
  return *std::move(database);
}

int64_t ReadInt(Database& database, absl::string_view sql) {
  int64_t value = -1;
  REQUIRE_OK(database.Query(sql, [&](Row& row) {
    value = row.Int(0);
    return absl::OkStatus();
  }));
  return value;
}

TEST_CASE("The settings that durability rests on are in force", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  CHECK(ReadInt(*db, "PRAGMA synchronous") == 2);
  CHECK(ReadInt(*db, "PRAGMA foreign_keys") == 1);
  CHECK(ReadInt(*db, "PRAGMA trusted_schema") == 0);
  CHECK(ReadInt(*db, "PRAGMA cell_size_check") == 1);
  CHECK(ReadInt(*db, "PRAGMA application_id") == Database::kApplicationId);
  std::string mode;
  REQUIRE_OK(db->Query("PRAGMA journal_mode", [&](Row& row) {
    mode = row.Text(0);
    return absl::OkStatus();
  }));
  CHECK(mode == "wal");
  struct stat info = {};
  REQUIRE(stat(dir.File("a.db").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  REQUIRE_OK(db->CheckIntegrity());
}

TEST_CASE("Every kind of value comes back as it was bound", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(
      db->Execute("CREATE TABLE t(i INTEGER, f REAL, s TEXT, b BLOB, d BLOB, w INTEGER, "
                  "n TEXT, e BLOB, y INTEGER) STRICT"));
  const std::string bytes("\0\xff\0", 3);
  const absl::Time time = absl::FromUnixMicros(1234567890123456);
  REQUIRE_OK(db->Execute("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?)",
                         std::numeric_limits<int64_t>::min(), 0.1, "text é", Blob{bytes},
                         Sha256Of("x"), time, std::optional<std::string>(), Blob{""}, true));
  int rows = 0;
  REQUIRE_OK(db->Query(
      "SELECT * FROM t WHERE s = ?1",
      [&](Row& row) {
        ++rows;
        CHECK(row.ColumnCount() == 9);
        CHECK(row.Int(0) == std::numeric_limits<int64_t>::min());
        CHECK(row.Double(1) == 0.1);
        CHECK(row.Text(2) == "text é");
        CHECK(row.Bytes(3) == bytes);
        CHECK(row.Digest(4) == Sha256Of("x"));
        CHECK(row.Time(5) == time);
        CHECK(row.IsNull(6));
        CHECK_FALSE(row.OptionalText(6).has_value());
        CHECK(row.OptionalInt(0).has_value());
        CHECK(row.OptionalDouble(1) == 0.1);
        CHECK(row.Bytes(7).empty());
        CHECK(row.Bool(8));
        return absl::OkStatus();
      },
      std::string("text é")));
  CHECK(rows == 1);
}

TEST_CASE("A transaction that fails leaves no trace, one that succeeds survives", "[storage]") {
  const TempDir dir;
  {
    const auto db = OpenDatabase(dir.File("a.db"));
    REQUIRE_OK(db->Execute("CREATE TABLE t(i INTEGER PRIMARY KEY) STRICT"));
    REQUIRE_OK(db->Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(db->Execute("INSERT INTO t VALUES (1), (2)"));
      CHECK(db->ChangedRows() == 2);
      CHECK(db->LastInsertRowId() == 2);
      return absl::OkStatus();
    }));
    REQUIRE_STATUS(db->Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(db->Execute("INSERT INTO t VALUES (3)"));
      return MakeError(StatusCode::kAborted, "NONCE_MISMATCH", {.what = "no"});
    }),
                   StatusCode::kAborted, "NONCE_MISMATCH");
    REQUIRE_STATUS(db->Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(db->Execute("INSERT INTO t VALUES (4)"));
      return db->Execute("INSERT INTO t VALUES (1)");
    }),
                   StatusCode::kAlreadyExists, "DATABASE_CONSTRAINT");
  }
  const auto db = OpenDatabase(dir.File("a.db"));
  CHECK(ReadInt(*db, "SELECT sum(i) FROM t") == 3);
}

TEST_CASE("A transaction within a transaction is an error, on the same thread only", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(db->Execute("CREATE TABLE t(i INTEGER) STRICT"));
  const auto insert = [&] { return db->Execute("INSERT INTO t VALUES (1)"); };
  REQUIRE_STATUS(db->Transact([&] { return db->Transact(insert); }), StatusCode::kInternal,
                 "DATABASE_ERROR");
  REQUIRE_STATUS(db->Query("SELECT 1", [&](Row&) { return db->Transact(insert); }),
                 StatusCode::kInternal, "DATABASE_ERROR");
  CHECK(ReadInt(*db, "SELECT count(*) FROM t") == 0);
  REQUIRE_OK(db->Transact(insert));  // the refusals left no transaction open
  CHECK(ReadInt(*db, "SELECT count(*) FROM t") == 1);
}

TEST_CASE("Many threads transact without losing an increment", "[storage][concurrency]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(db->Execute("CREATE TABLE t(i INTEGER) STRICT"));
  REQUIRE_OK(db->Execute("INSERT INTO t VALUES (0)"));
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::thread> threads;
  std::vector<absl::Status> statuses(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        statuses[static_cast<size_t>(t)].Update(db->Transact([&]() -> absl::Status {
          int64_t value = 0;
          RETURN_IF_ERROR(db->Query("SELECT i FROM t", [&](Row& row) {
            value = row.Int(0);
            return absl::OkStatus();
          }));
          return db->Execute("UPDATE t SET i = ?", value + 1);
        }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) REQUIRE_OK(status);
  CHECK(ReadInt(*db, "SELECT i FROM t") == kThreads * kRounds);
}

TEST_CASE("A body that goes on after SQLite rolled back commits nothing", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(db->Execute("CREATE TABLE t(i INTEGER PRIMARY KEY) STRICT"));
  const absl::Status status = db->Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(db->Execute("INSERT INTO t VALUES (1)"));
    CHECK_FALSE(db->Execute("INSERT OR ROLLBACK INTO t VALUES (1)").ok());
    CHECK_FALSE(db->Execute("INSERT INTO t VALUES (2)").ok());
    return absl::OkStatus();
  });
  REQUIRE_STATUS(status, StatusCode::kInternal, "DATABASE_ERROR");
  CHECK(ReadInt(*db, "SELECT count(*) FROM t") == 0);
}

TEST_CASE("Wrong statements are reported as our bug", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(db->Execute("CREATE TABLE t(i INTEGER) STRICT"));
  for (const char* sql : {"", "  ", "SELEC 1", "SELECT 1; SELECT 2", "SELECT ?", "BEGIN",
                          "SELECT \"no_such_column\" FROM t", "SELECT * FROM nowhere"}) {
    INFO(sql);
    REQUIRE_STATUS(db->Execute(sql), StatusCode::kInternal, "DATABASE_ERROR");
  }
  REQUIRE_STATUS(db->Execute("SELECT 1", 5), StatusCode::kInternal, "DATABASE_ERROR");
  for (const char* sql : {"COMMIT", "ROLLBACK", "SAVEPOINT a", "ATTACH 'b.db' AS b"}) {
    INFO(sql);
    REQUIRE_STATUS(db->Transact([&] { return db->Execute(sql); }), StatusCode::kInternal,
                   "DATABASE_ERROR");
    REQUIRE_STATUS(db->ExecuteScript(sql), StatusCode::kInternal, "DATABASE_ERROR");
  }
  REQUIRE_OK(db->Execute("SELECT 1;  "));
}

TEST_CASE("A value of an unexpected type fails the query instead of passing as zero", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  const auto fails = [&](const char* sql, absl::FunctionRef<void(Row&)> read) {
    REQUIRE_STATUS(db->Query(sql,
                             [&](Row& row) {
                               read(row);
                               return absl::OkStatus();
                             }),
                   StatusCode::kDataLoss, "DATABASE_CORRUPT");
  };
  fails("SELECT 'a'", [](Row& row) { CHECK(row.Int(0) == 0); });
  fails("SELECT NULL", [](Row& row) { CHECK(row.Int(0) == 0); });
  fails("SELECT 1", [](Row& row) { CHECK(row.Text(0).empty()); });
  fails("SELECT 'a'", [](Row& row) { CHECK(row.Bytes(0).empty()); });
  fails("SELECT x'00'", [](Row& row) { CHECK(row.Digest(0) == Digest()); });
  fails("SELECT 1", [](Row& row) { CHECK(row.Int(1) == 0); });
}

TEST_CASE("Constraints keep their kind", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(db->ExecuteScript(
      "CREATE TABLE p(i INTEGER PRIMARY KEY, u TEXT UNIQUE, c INTEGER CHECK(c > 0)) STRICT;"
      "CREATE TABLE q(i INTEGER NOT NULL REFERENCES p(i)) STRICT;"
      "INSERT INTO p VALUES (1, 'a', 1);"));
  for (const char* sql : {"INSERT INTO p VALUES (1, 'b', 1)", "INSERT INTO p VALUES (2, 'a', 1)"}) {
    REQUIRE_STATUS(db->Execute(sql), StatusCode::kAlreadyExists, "DATABASE_CONSTRAINT");
  }
  for (const char* sql : {"INSERT INTO p VALUES (2, 'b', 0)", "INSERT INTO q VALUES (9)",
                          "INSERT INTO q VALUES (NULL)", "INSERT INTO p VALUES (2, x'00', 1)"}) {
    REQUIRE_STATUS(db->Execute(sql), StatusCode::kFailedPrecondition, "DATABASE_CONSTRAINT");
  }
}

TEST_CASE("A file of another program is refused and stays as it was", "[storage]") {
  const TempDir dir;
  testing::WriteFile(dir.File("text"), std::string(4096, 'x'));
  REQUIRE_STATUS(Database::Open(dir.File("text")), StatusCode::kFailedPrecondition,
                 "NOT_OUR_DATABASE");
  CHECK(testing::ReadFile(dir.File("text")) == std::string(4096, 'x'));
  for (const char* script : {"CREATE TABLE t(i)", "PRAGMA application_id=7"}) {
    const std::string path = dir.File("foreign");
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, script, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(other);
    const std::string before = testing::ReadFile(path);
    REQUIRE_STATUS(Database::Open(path), StatusCode::kFailedPrecondition, "NOT_OUR_DATABASE");
    CHECK(testing::ReadFile(path) == before);
    std::remove(path.c_str());
  }
  REQUIRE_STATUS(Database::Open(dir.File("no/a.db")), StatusCode::kNotFound, "FILE_NOT_FOUND");
  REQUIRE_STATUS(Database::Open(dir.path()), StatusCode::kFailedPrecondition, "NOT_OUR_DATABASE");
  REQUIRE(mkfifo(dir.File("fifo").c_str(), 0600) == 0);
  REQUIRE_STATUS(Database::Open(dir.File("fifo")), StatusCode::kFailedPrecondition,
                 "NOT_OUR_DATABASE");
}

TEST_CASE("Another program's write-ahead log is not even tidied up", "[storage]") {
  const TempDir dir;
  const std::string path = dir.File("foreign");
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "PRAGMA journal_mode=WAL; CREATE TABLE t(i)", nullptr, nullptr,
                       nullptr) == SQLITE_OK);
  sqlite3_db_config(other, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_close(other);
  const std::string before = testing::ReadFile(path);
  const std::string log = testing::ReadFile(path + "-wal");
  REQUIRE(!log.empty());
  REQUIRE_STATUS(Database::Open(path), StatusCode::kFailedPrecondition, "NOT_OUR_DATABASE");
  CHECK(testing::ReadFile(path) == before);
  CHECK(testing::ReadFile(path + "-wal") == log);
}

TEST_CASE("A database has one connection, whoever comes second", "[storage]") {
  const TempDir dir;
  const std::string path = dir.File("a.db");
  {
    const auto db = OpenDatabase(path);
    REQUIRE_OK(db->Execute("CREATE TABLE t(i INTEGER) STRICT"));
    REQUIRE_STATUS(Database::Open(path, {.busy_timeout = absl::Milliseconds(10)}),
                   StatusCode::kUnavailable, "DATABASE_BUSY");
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
    CHECK(sqlite3_exec(other, "INSERT INTO t VALUES (2)", nullptr, nullptr, nullptr) ==
          SQLITE_BUSY);
    CHECK(sqlite3_exec(other, "SELECT * FROM t", nullptr, nullptr, nullptr) == SQLITE_BUSY);
    sqlite3_close(other);
    REQUIRE_OK(db->Execute("INSERT INTO t VALUES (1)"));
  }
  // The reverse: somebody has it open for writing.
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE; INSERT INTO t VALUES (5)", nullptr, nullptr,
                       nullptr) == SQLITE_OK);
  REQUIRE_STATUS(Database::Open(path, {.busy_timeout = absl::Milliseconds(10)}),
                 StatusCode::kUnavailable, "DATABASE_BUSY");
  REQUIRE(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(other);
  CHECK(ReadInt(*OpenDatabase(path), "SELECT sum(i) FROM t") == 1);
}

TEST_CASE("A backup is a whole database of ours and overwrites nothing", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(db->ExecuteScript("CREATE TABLE t(i INTEGER) STRICT; INSERT INTO t VALUES (7)"));
  REQUIRE_OK(db->BackupTo(dir.File("copy.db")));
  REQUIRE_STATUS(db->BackupTo(dir.File("copy.db")), StatusCode::kAlreadyExists, "FILE_EXISTS");
  REQUIRE_STATUS(db->Transact([&] { return db->BackupTo(dir.File("b.db")); }),
                 StatusCode::kInternal, "DATABASE_ERROR");
  REQUIRE_OK(db->Execute("INSERT INTO t VALUES (8)"));
  const auto copy = OpenDatabase(dir.File("copy.db"));
  REQUIRE_OK(copy->CheckIntegrity());
  CHECK(ReadInt(*copy, "SELECT sum(i) FROM t") == 7);
}

TEST_CASE("Damage and dangling references are found by the integrity check", "[storage]") {
  const TempDir dir;
  const auto db = OpenDatabase(dir.File("a.db"));
  REQUIRE_OK(db->ExecuteScript(
      "CREATE TABLE p(i INTEGER PRIMARY KEY) STRICT;"
      "CREATE TABLE q(i INTEGER REFERENCES p(i)) STRICT; INSERT INTO p VALUES (1);"
      "INSERT INTO q VALUES (1); PRAGMA foreign_keys=OFF; DELETE FROM p;"));
  REQUIRE_STATUS(db->CheckIntegrity(), StatusCode::kDataLoss, "DATABASE_CORRUPT");
}

TEST_CASE("A sound table whose key is not its first columns passes the check") {
  const testing::TempDir dir;
  REQUIRE_OK_AND_ASSIGN(const auto db, Database::Open(dir.File("db")));
  REQUIRE_OK(
      db->Execute("CREATE TABLE domains(cooperative TEXT NOT NULL, position INTEGER NOT "
                  "NULL, domain TEXT NOT NULL, PRIMARY KEY (cooperative, domain), "
                  "UNIQUE (cooperative, position)) STRICT, WITHOUT ROWID"));
  REQUIRE_OK(db->Execute("INSERT INTO domains VALUES ('nordic', 0, 'law'), ('nordic', 1, 'sea')"));
  REQUIRE_OK(db->CheckIntegrity());
}

}  // namespace
}  // namespace kalavai
