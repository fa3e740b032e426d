// Brings a database to the schema this program was built with. Forward only: a migration that was
// applied once is never edited; table schema_migrations keeps each one's name, SHA-256 and time.
//
//   RETURN_IF_ERROR(Migrate(*db, EmbeddedMigrations(), clock.Now()));   // init, serve
//   RETURN_IF_ERROR(CheckSchema(*db, EmbeddedMigrations()));            // whoever only reads
//
// FAILED_PRECONDITION:
//   MIGRATION_DRIFT  an applied migration has another name, order or text than ours
//   SCHEMA_NEWER     the database has migrations that this program does not know
//   SCHEMA_OLDER     (CheckSchema) migrations are missing: a server that starts applies them
// A foreign file is refused by Database::Open (NOT_OUR_DATABASE). Any thread, one at a time.
#ifndef KALAVAI_COMMON_STORAGE_MIGRATOR_H_
#define KALAVAI_COMMON_STORAGE_MIGRATOR_H_

#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/storage/sqlite.h"

namespace kalavai {

struct Migration {
  std::string name;  // "0001_launch.sql": unique, ascending
  std::string sql;   // statements without BEGIN or COMMIT
};

// Applies the missing migrations in order, each in a transaction of its own with its row in
// schema_migrations, so that a crash leaves a whole number of them. Nothing is changed when any
// applied one disagrees.
absl::Status Migrate(Database& database, std::span<const Migration> migrations, absl::Time now);

// OK when exactly these migrations have been applied. Changes nothing.
absl::Status CheckSchema(Database& database, std::span<const Migration> migrations);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_STORAGE_MIGRATOR_H_
