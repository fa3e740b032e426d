#include "common/storage/sqlite.h"

#include <cerrno>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/storage/atomic_file.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {
namespace {

absl::Status DatabaseError(absl::string_view what) {
  return MakeError(absl::StatusCode::kInternal, "DATABASE_ERROR",
                   {.what = absl::StrCat("database: ", what),
                    .why = "a fault of this program, not of its input",
                    .fix = "report it"});
}

std::string PathOf(sqlite3* connection) {
  const char* const path = sqlite3_db_filename(connection, "main");
  return path == nullptr ? "" : path;
}

absl::Status Corrupt(const std::string& path, absl::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "DATABASE_CORRUPT",
                   {.what = absl::StrCat("database ", path, ": ", what),
                    .why = "the file was damaged or changed by another program, or the disk fails",
                    .fix = "stop the server, look at the disk, and restore the last backup",
                    .metadata = {{"path", path}}});
}

absl::Status NotOurs(const std::string& path, absl::string_view found) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_OUR_DATABASE",
                   {.what = absl::StrCat("open database ", path, ": ", found,
                                         " found; must be a database of this program"),
                    .why = "another program's data is never changed",
                    .fix = "check the data directory",
                    .metadata = {{"path", path}}});
}

// The status of SQLite's extended result `code`, with `message` from the connection.
absl::Status StatusOfCode(int code, const std::string& path, absl::string_view message) {
  const std::string what = absl::StrCat("database ", path, ": ", message);
  const std::map<std::string, std::string> metadata = {{"path", path},
                                                       {"sqlite", absl::StrCat(code)}};
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT: {
      const bool duplicate = code == SQLITE_CONSTRAINT_UNIQUE ||
                             code == SQLITE_CONSTRAINT_PRIMARYKEY ||
                             code == SQLITE_CONSTRAINT_ROWID;
      return MakeError(
          duplicate ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kFailedPrecondition,
          "DATABASE_CONSTRAINT", {.what = what, .metadata = metadata});
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return MakeError(absl::StatusCode::kUnavailable, "DATABASE_BUSY",
                       {.what = what,
                        .why = "another process holds the database",
                        .fix = "stop it; only one server may use a data directory",
                        .metadata = metadata});
    case SQLITE_FULL:
      return MakeError(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                       {.what = what,
                        .fix = "free some space on this disk, then run the command again",
                        .metadata = metadata});
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Corrupt(path, message);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return MakeError(absl::StatusCode::kUnavailable, "DATABASE_FAILED",
                       {.what = what,
                        .why = "the disk refused a read or a write",
                        .fix = "look at the disk, then start the server again",
                        .metadata = metadata});
    default:
      return DatabaseError(message);
  }
}

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

}  // namespace

bool Row::Expect(int column, int type) {
  const int found = column < 0 || column >= sqlite3_column_count(statement_)
                        ? -1
                        : sqlite3_column_type(statement_, column);
  if (found == type) return true;
  if (status_.ok()) {
    status_ = Corrupt(PathOf(sqlite3_db_handle(statement_)),
                      absl::StrCat("column ", column, ": type ", found, " found; must be ", type));
  }
  return false;
}

int64_t Row::Int(int column) {
  return Expect(column, SQLITE_INTEGER) ? sqlite3_column_int64(statement_, column) : 0;
}

bool Row::Bool(int column) { return Int(column) != 0; }

double Row::Double(int column) {
  return Expect(column, SQLITE_FLOAT) ? sqlite3_column_double(statement_, column) : 0.0;
}

std::string Row::Text(int column) {
  if (!Expect(column, SQLITE_TEXT)) return "";
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

std::string Row::Bytes(int column) {
  if (!Expect(column, SQLITE_BLOB)) return "";
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return size == 0 ? "" : std::string(bytes, static_cast<size_t>(size));
}

Digest Row::Digest(int column) {
  const auto digest = kalavai::Digest::FromBytes(Bytes(column));
  if (digest.ok()) return *digest;
  if (status_.ok())
    status_ = Corrupt(PathOf(sqlite3_db_handle(statement_)),
                      absl::StrCat("column ", column, ": must be 32 bytes"));
  return kalavai::Digest();
}

absl::Time Row::Time(int column) { return absl::FromUnixMicros(Int(column)); }

bool Row::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::optional<std::string> Row::OptionalText(int column) {
  return IsNull(column) ? std::nullopt : std::make_optional(Text(column));
}

std::optional<int64_t> Row::OptionalInt(int column) {
  return IsNull(column) ? std::nullopt : std::make_optional(Int(column));
}

std::optional<double> Row::OptionalDouble(int column) {
  return IsNull(column) ? std::nullopt : std::make_optional(Double(column));
}

int Row::ColumnCount() const { return sqlite3_column_count(statement_); }

absl::Status Binder::Check(int code) const {
  if (code == SQLITE_OK) return absl::OkStatus();
  return DatabaseError(absl::StrCat("parameter ", next_ - 1, ": ", sqlite3_errstr(code)));
}

absl::Status Binder::Bind(std::nullptr_t) { return Check(sqlite3_bind_null(statement_, next_++)); }

absl::Status Binder::Bind(int64_t value) {
  return Check(sqlite3_bind_int64(statement_, next_++, value));
}

absl::Status Binder::Bind(double value) {
  return Check(sqlite3_bind_double(statement_, next_++, value));
}

// A null destructor means SQLITE_STATIC: parameters outlive the statement, which Run finalises.
absl::Status Binder::Bind(absl::string_view text) {
  return Check(sqlite3_bind_text64(statement_, next_++, text.empty() ? "" : text.data(),
                                   text.size(), nullptr, SQLITE_UTF8));
}

absl::Status Binder::Bind(Blob blob) {
  return Check(sqlite3_bind_blob64(statement_, next_++, blob.bytes.empty() ? "" : blob.bytes.data(),
                                   blob.bytes.size(), nullptr));
}

// Holds the mutex for its life, unless this thread holds it already.
class Database::Scope {
 public:
  explicit Scope(Database& database) ABSL_NO_THREAD_SAFETY_ANALYSIS
      : database_(database),
        outermost_(!database.HeldByThisThread()) {
    if (!outermost_) return;
    database_.mutex_.Lock();
    // An exchange, not a store: it also orders us after the last holder for tools that cannot see
    // into the mutex (thread sanitizer with an uninstrumented Abseil).
    database_.holder_.exchange(std::this_thread::get_id());
  }
  ~Scope() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!outermost_) return;
    // Whatever was changed is committed by now (or taken back, which counts as well).
    if (database_.connection_ != nullptr) {
      database_.version_ = sqlite3_total_changes64(database_.connection_);
    }
    database_.holder_ = std::thread::id();
    database_.mutex_.Unlock();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  bool outermost() const { return outermost_; }

 private:
  Database& database_;
  const bool outermost_;
};

bool Database::HeldByThisThread() const { return holder_ == std::this_thread::get_id(); }

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const DatabaseOptions& options) {
  std::error_code error;
  if (const auto kind = std::filesystem::status(path, error).type();
      kind != std::filesystem::file_type::not_found &&
      kind != std::filesystem::file_type::regular) {
    return NotOurs(path, "no regular file");
  }
  // Made here with mode 0600; SQLite gives the -wal file the mode of the database, and syncs the
  // directory when it makes that one.
  RETURN_IF_ERROR(FileDescriptor::Open(path, O_RDWR | O_CREAT, 0600).status());
  sqlite3* connection = nullptr;
  // No mutex of SQLite's own: ours is always held.
  const int code =
      sqlite3_open_v2(path.c_str(), &connection,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<Database> database(new Database(path, connection));
  if (code != SQLITE_OK) return StatusOfCode(code, path, sqlite3_errstr(code));
  sqlite3_busy_timeout(connection,
                       static_cast<int>(absl::ToInt64Milliseconds(options.busy_timeout)));
  // Nothing is tidied up in a file before it is known to be ours.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // Before the first read: the lock it takes is kept, so that no other connection can ever write or
  // checkpoint beside this one, and no memory is shared with one.
  RETURN_IF_ERROR(database->Execute("PRAGMA locking_mode=EXCLUSIVE"));
  const absl::Status owner = database->CheckOwner();
  if (!owner.ok()) {
    if (GetErrorReason(owner) == "DATABASE_CORRUPT") return NotOurs(path, "no SQLite database");
    if (GetErrorReason(owner) == "NOT_OUR_DATABASE") return NotOurs(path, owner.message());
    return owner;
  }
  RETURN_IF_ERROR(database->Configure());
  return database;
}

Database::~Database() {
  // Fails only with unfinished statements, which never outlive Run.
  KALAVAI_CHECK(sqlite3_close(connection_) == SQLITE_OK, "no statement outlives its Query");
}

absl::Status Database::CheckOwner() {
  int64_t id = 0;
  int64_t objects = 0;
  const auto read_into = [](int64_t& value) {
    return [&value](Row& row) {
      value = row.Int(0);
      return absl::OkStatus();
    };
  };
  RETURN_IF_ERROR(Query("PRAGMA application_id", read_into(id)));
  RETURN_IF_ERROR(Query("SELECT count(*) FROM sqlite_schema", read_into(objects)));
  if (id == kApplicationId || (id == 0 && objects == 0)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_OUR_DATABASE",
                   {.what = absl::StrCat("application id ", id)});
}

absl::Status Database::Configure() {
  sqlite3_set_authorizer(connection_, &Database::Authorize, this);
  for (const int setting : {SQLITE_DBCONFIG_ENABLE_FKEY, SQLITE_DBCONFIG_DEFENSIVE}) {
    sqlite3_db_config(connection_, setting, 1, nullptr);
  }
  for (const int setting : {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DML,
                            SQLITE_DBCONFIG_DQS_DDL, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE}) {
    sqlite3_db_config(connection_, setting, 0, nullptr);
  }
  std::string mode;
  RETURN_IF_ERROR(Query("PRAGMA journal_mode=WAL", [&](Row& row) {
    mode = row.Text(0);
    return absl::OkStatus();
  }));
  if (mode != "wal") return DatabaseError(absl::StrCat("journal mode '", mode, "'; must be wal"));
  RETURN_IF_ERROR(
      ExecuteScript("PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
                    "PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864;"
                    "PRAGMA temp_store=MEMORY"));
  // Written once: an open that changes nothing writes nothing.
  int64_t id = 0;
  RETURN_IF_ERROR(Query("PRAGMA application_id", [&](Row& row) {
    id = row.Int(0);
    return absl::OkStatus();
  }));
  if (id != kApplicationId) {
    RETURN_IF_ERROR(Execute(absl::StrCat("PRAGMA application_id=", kApplicationId)));
  }
  // A log whose sync failed in an earlier process may be whole in memory only; copied into the
  // database, everything is written and synced anew.
  return Execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

absl::Status Database::Fail(int code) {
  absl::Status status = StatusOfCode(code, path_, sqlite3_errmsg(connection_));
  if ((code & 0xff) == SQLITE_IOERR && failure_.ok()) failure_ = status;
  return status;
}

// Transactions are Transact's alone: SQL that ends one would let what follows commit by itself.
int Database::Authorize(void* database, int action, const char*, const char*, const char*,
                        const char*) {
  const bool refused =
      action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT || action == SQLITE_ATTACH;
  return refused && !static_cast<Database*>(database)->controlling_ ? SQLITE_DENY : SQLITE_OK;
}

absl::Status Database::CheckUsable() const {
  RETURN_IF_ERROR(failure_);
  // SQLite rolls back by itself on some errors; a body that goes on regardless must not commit.
  if (in_transact_ && sqlite3_get_autocommit(connection_) != 0) {
    return DatabaseError("the transaction was rolled back by an earlier error");
  }
  return absl::OkStatus();
}

absl::Status Database::Control(const char* sql) {
  controlling_ = true;
  const int code = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
  controlling_ = false;
  return code == SQLITE_OK ? absl::OkStatus() : Fail(code);
}

absl::Status Database::Transact(absl::FunctionRef<absl::Status()> body) {
  const Scope scope(*this);
  if (!scope.outermost()) return DatabaseError("a transaction within a transaction");
  RETURN_IF_ERROR(failure_);
  RETURN_IF_ERROR(Control("BEGIN IMMEDIATE"));
  in_transact_ = true;
  absl::Status status = body();
  in_transact_ = false;
  if (status.ok() && sqlite3_get_autocommit(connection_) != 0) {
    return DatabaseError("the transaction was rolled back by an earlier error");
  }
  if (status.ok()) status = Control("COMMIT");
  // A failed ROLLBACK adds nothing: the connection rolls back when it is closed at the latest.
  if (sqlite3_get_autocommit(connection_) == 0) static_cast<void>(Control("ROLLBACK"));
  return status;
}

absl::Status Database::Run(absl::string_view sql, absl::FunctionRef<absl::Status(Binder&)> bind,
                           size_t parameter_count, absl::FunctionRef<absl::Status(Row&)> on_row) {
  const Scope scope(*this);
  RETURN_IF_ERROR(CheckUsable());
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int prepared =
      sqlite3_prepare_v2(connection_, sql.data(), static_cast<int>(sql.size()), &raw, &tail);
  const StatementPtr statement(raw);
  if (prepared != SQLITE_OK) return Fail(prepared);
  const absl::string_view rest = sql.substr(static_cast<size_t>(tail - sql.data()));
  if (raw == nullptr || !absl::StripAsciiWhitespace(rest).empty()) {
    return DatabaseError("must be exactly one statement; scripts go to ExecuteScript");
  }
  if (static_cast<size_t>(sqlite3_bind_parameter_count(raw)) != parameter_count) {
    return DatabaseError(absl::StrCat(parameter_count, " parameters given; the statement has ",
                                      sqlite3_bind_parameter_count(raw)));
  }
  Binder binder(raw);
  RETURN_IF_ERROR(bind(binder));
  int code = sqlite3_step(raw);
  for (; code == SQLITE_ROW; code = sqlite3_step(raw)) {
    Row row(raw);
    const absl::Status status = on_row(row);
    RETURN_IF_ERROR(row.status_);
    RETURN_IF_ERROR(status);
  }
  return code == SQLITE_DONE ? absl::OkStatus() : Fail(code);
}

absl::Status Database::ExecuteScript(absl::string_view sql) {
  const Scope scope(*this);
  RETURN_IF_ERROR(CheckUsable());
  const int code = sqlite3_exec(connection_, std::string(sql).c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Fail(code);
}

int64_t Database::ChangedRows() const {
  KALAVAI_CHECK(HeldByThisThread(), "only within Transact is the last statement one's own");
  return sqlite3_changes64(connection_);
}

int64_t Database::LastInsertRowId() const {
  KALAVAI_CHECK(HeldByThisThread(), "only within Transact is the last statement one's own");
  return sqlite3_last_insert_rowid(connection_);
}

absl::Status Database::BackupTo(const std::string& path) {
  const Scope scope(*this);
  if (!scope.outermost()) return DatabaseError("a backup within a transaction");
  RETURN_IF_ERROR(CheckUsable());
  // VACUUM INTO accepts an empty file; made here, so that its mode is ours and none is overwritten.
  RETURN_IF_ERROR(CreateFileAtomically(path, "", 0600));
  controlling_ = true;  // VACUUM attaches the copy
  const absl::Status copied = Execute("VACUUM INTO ?", path);
  controlling_ = false;
  if (!copied.ok()) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return copied;
  }
  ASSIGN_OR_RETURN(const FileDescriptor copy, FileDescriptor::Open(path, O_RDWR));
  return copy.Sync(path);
}

// SQLite 3.40 looks at the wrong column of a WITHOUT ROWID table whose key is not its first
// columns, and reports "NULL value in TABLE.COLUMN" where there is none. typeof, because IS NULL of
// a column that may not be NULL is answered without looking.
absl::StatusOr<bool> Database::IsFalseAlarm(absl::string_view finding) {
  if (!absl::ConsumePrefix(&finding, "NULL value in ")) return false;
  const std::vector<std::string> names = absl::StrSplit(finding, '.');
  if (names.size() != 2 || absl::StrContains(finding, '"')) return false;
  bool found = false;
  RETURN_IF_ERROR(Query(absl::StrFormat("SELECT EXISTS (SELECT 1 FROM \"%s\" WHERE "
                                        "typeof(\"%s\") = 'null')",
                                        names[0], names[1]),
                        [&](Row& row) {
                          found = row.Bool(0);
                          return absl::OkStatus();
                        }));
  return !found;
}

absl::Status Database::CheckIntegrity() {
  std::vector<std::string> findings;
  RETURN_IF_ERROR(Query("PRAGMA quick_check(1000000)", [&](Row& row) {
    findings.push_back(row.Text(0));
    return absl::OkStatus();
  }));
  for (const std::string& finding : findings) {
    if (finding == "ok") continue;
    ASSIGN_OR_RETURN(const bool false_alarm, IsFalseAlarm(finding));
    if (!false_alarm) return Corrupt(path_, finding);
  }
  return Query("PRAGMA foreign_key_check", [this](Row& row) {
    return Corrupt(path_, absl::StrCat("table ", row.Text(0), ": a row refers to none in table ",
                                       row.Text(2)));
  });
}

}  // namespace kalavai
