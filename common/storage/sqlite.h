// SQLite, directly: one database file, one connection that reads and writes, transactions as
// functions. Nothing generic on top; each phase's *_store.cc writes its own SQL.
//
//   RETURN_IF_ERROR(db.Transact([&]() -> absl::Status {
//     RETURN_IF_ERROR(db.Execute("INSERT INTO members(id, digest) VALUES (?, ?)", id, digest));
//     return db.Query("SELECT state FROM members WHERE id = ?",
//                     [&](Row& row) { state = row.Text(0); return absl::OkStatus(); }, id);
//   }));
//
// Why one connection: releases before 3.51.3 can lose commits when two connections write or
// checkpoint at once (the WAL-reset bug), and commits are as fast as the disk syncs anyway. The
// file stays locked (locking_mode=EXCLUSIVE) while it is open: a second one, here or in another
// process, is refused with DATABASE_BUSY.
//
// Threads: any thread may call any method. A mutex is held for the whole of a Transact, and for one
// statement outside. It is not recursive: Transact within Transact (or within a Query's callback)
// on one thread is an error; Execute and Query within them simply join.
//
// Errors:
//   ALREADY_EXISTS      DATABASE_CONSTRAINT  UNIQUE or PRIMARY KEY violated
//   FAILED_PRECONDITION DATABASE_CONSTRAINT  any other constraint violated
//   UNAVAILABLE         DATABASE_BUSY        another process holds the lock beyond the time-out
//   RESOURCE_EXHAUSTED  DISK_FULL
//   DATA_LOSS           DATABASE_CORRUPT     damaged file, or a value of an unexpected type
//   UNAVAILABLE         DATABASE_FAILED      an I/O error; every later call then fails the same
//                                            way, because after a failed sync a retry may succeed
//                                            falsely. What was committed is known after opening
//                                            again: the transaction that failed may be among it
//   INTERNAL            DATABASE_ERROR       wrong SQL, nested Transact and the like: our bug
//   FAILED_PRECONDITION NOT_OUR_DATABASE
#ifndef KALAVAI_COMMON_STORAGE_SQLITE_H_
#define KALAVAI_COMMON_STORAGE_SQLITE_H_

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"

struct sqlite3;       // a connection
struct sqlite3_stmt;  // a compiled statement

namespace kalavai {

// Bytes to be stored as BLOB; plain strings are stored as TEXT.
struct Blob {
  absl::string_view bytes;
};

// The current row of a Query. A column of another type than asked for (STRICT tables make that
// impossible short of damage or a wrong index) gives a zero value, and the Query then fails with
// DATABASE_CORRUPT. Columns count from 0.
class Row {
 public:
  int64_t Int(int column);
  bool Bool(int column);  // INTEGER 0 or 1
  double Double(int column);
  std::string Text(int column);
  std::string Bytes(int column);       // BLOB
  kalavai::Digest Digest(int column);  // BLOB of 32 bytes
  absl::Time Time(int column);         // INTEGER, Unix microseconds
  bool IsNull(int column) const;       // then use std::optional yourself:
  std::optional<std::string> OptionalText(int column);
  std::optional<int64_t> OptionalInt(int column);
  std::optional<double> OptionalDouble(int column);
  int ColumnCount() const;

 private:
  friend class Database;
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool Expect(int column, int type);

  sqlite3_stmt* statement_;
  absl::Status status_;
};

// Binds one parameter. Overloads: integers (bool as 0/1), floating point, text, Blob, Digest, Time
// (Unix microseconds), nullptr, std::optional of these (absent = NULL).
class Binder {
 public:
  absl::Status Bind(std::nullptr_t);
  absl::Status Bind(int64_t value);
  absl::Status Bind(double value);
  absl::Status Bind(absl::string_view text);
  absl::Status Bind(Blob blob);
  absl::Status Bind(const Digest& digest) { return Bind(Blob{digest.bytes()}); }
  absl::Status Bind(absl::Time time) { return Bind(absl::ToUnixMicros(time)); }
  absl::Status Bind(const char* text) { return Bind(absl::string_view(text)); }
  absl::Status Bind(const std::string& text) { return Bind(absl::string_view(text)); }
  template <std::integral T>
  absl::Status Bind(T value) {
    return Bind(static_cast<int64_t>(value));
  }
  template <typename T>
  absl::Status Bind(const std::optional<T>& value) {
    return value.has_value() ? Bind(*value) : Bind(nullptr);
  }

 private:
  friend class Database;
  explicit Binder(sqlite3_stmt* statement) : statement_(statement) {}
  absl::Status Check(int code) const;

  sqlite3_stmt* statement_;
  int next_ = 1;
};

struct DatabaseOptions {
  absl::Duration busy_timeout = absl::Seconds(5);
};

class Database {
 public:
  // "KLVA", in the file's header: ours and nobody else's.
  static constexpr int32_t kApplicationId = 0x4B4C5641;

  // Opens or creates (mode 0600). Settings: WAL, synchronous=FULL, locking_mode=EXCLUSIVE,
  // foreign_keys, trusted_schema off, cell_size_check, no mmap, defensive, double-quoted strings
  // off. NOT_OUR_DATABASE for what is no file, no database or another program's: it is left
  // untouched. DATABASE_BUSY when it is open elsewhere.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const DatabaseOptions& options = {});
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // BEGIN IMMEDIATE, body, COMMIT; ROLLBACK when the body or the COMMIT fails, and that status is
  // returned. The body must run on this thread; BEGIN, COMMIT, ROLLBACK, SAVEPOINT and ATTACH in
  // SQL are refused (DATABASE_ERROR).
  absl::Status Transact(absl::FunctionRef<absl::Status()> body);

  // One statement; rows it may yield are ignored. Parameters bind to ?1, ?2, … in order; their
  // number must be the statement's (DATABASE_ERROR).
  template <typename... Parameters>
  absl::Status Execute(absl::string_view sql, const Parameters&... parameters) {
    const auto ignore = [](Row&) { return absl::OkStatus(); };
    return Query(sql, ignore, parameters...);
  }

  // One statement; `on_row` sees each row and may stop with an error, which is returned.
  template <typename... Parameters>
  absl::Status Query(absl::string_view sql, absl::FunctionRef<absl::Status(Row&)> on_row,
                     const Parameters&... parameters) {
    const auto bind = [&](Binder& binder) -> absl::Status {
      absl::Status status;
      static_cast<void>((... && (status = binder.Bind(parameters)).ok()));
      return status;
    };
    return Run(sql, bind, sizeof...(Parameters), on_row);
  }

  // Several statements without parameters, as in a migration file.
  absl::Status ExecuteScript(absl::string_view sql);

  // Rows changed by the last INSERT, UPDATE or DELETE of this connection; only within Transact.
  int64_t ChangedRows() const;
  int64_t LastInsertRowId() const;

  // Grows with every committed change and stays while there is none: what was read at one value
  // holds as long as it stays. No I/O and no wait; any thread, also while another transacts.
  int64_t Version() const { return version_.load(); }

  // Writes a compact, consistent, durable copy to `path` while others go on reading the original's
  // files; ALREADY_EXISTS FILE_EXISTS when `path` exists. Not within Transact (DATABASE_ERROR).
  absl::Status BackupTo(const std::string& path);

  // PRAGMA quick_check and foreign_key_check; DATABASE_CORRUPT with the first finding.
  absl::Status CheckIntegrity();

 private:
  class Scope;  // holds the mutex unless this thread already does

  Database(std::string path, sqlite3* connection)
      : path_(std::move(path)), connection_(connection) {}
  absl::Status Configure();
  absl::Status CheckOwner();
  absl::Status Fail(int code);  // the status of a failed call; remembers I/O errors
  absl::Status Run(absl::string_view sql, absl::FunctionRef<absl::Status(Binder&)> bind,
                   size_t parameter_count, absl::FunctionRef<absl::Status(Row&)> on_row);
  absl::StatusOr<bool> IsFalseAlarm(absl::string_view finding);  // of quick_check
  absl::Status CheckUsable() const;  // no I/O error, and a body's transaction still open
  static int Authorize(void* database, int action, const char*, const char*, const char*,
                       const char*);
  absl::Status Control(const char* sql);  // BEGIN, COMMIT, ROLLBACK
  bool HeldByThisThread() const;

  absl::Mutex mutex_;
  std::atomic<std::thread::id> holder_ = {};  // the thread that holds mutex_
  const std::string path_;
  sqlite3* connection_;  // used by the holder only
  std::atomic<int64_t> version_ = 0;
  absl::Status failure_;      // not OK after an I/O error; holder only
  bool in_transact_ = false;  // a body runs; holder only
  bool controlling_ = false;  // Control runs: BEGIN and COMMIT are allowed
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_STORAGE_SQLITE_H_
