#include "common/storage/migrator.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/crypto/sha256.h"

namespace kalavai {
namespace {

struct AppliedMigration {
  std::string name;
  Digest digest;
};

// Oldest first; empty for a new database.
absl::StatusOr<std::vector<AppliedMigration>> ReadApplied(Database& database) {
  bool has_table = false;
  RETURN_IF_ERROR(database.Query(
      "SELECT 1 FROM sqlite_schema WHERE type='table' AND name='schema_migrations'", [&](Row&) {
        has_table = true;
        return absl::OkStatus();
      }));
  std::vector<AppliedMigration> applied;
  if (!has_table) return applied;
  RETURN_IF_ERROR(
      database.Query("SELECT name, sha256 FROM schema_migrations ORDER BY position", [&](Row& row) {
        applied.push_back({row.Text(0), row.Digest(1)});
        return absl::OkStatus();
      }));
  return applied;
}

// OK when what was applied is a prefix of `migrations`.
absl::Status CheckPrefix(const std::vector<AppliedMigration>& applied,
                         std::span<const Migration> migrations) {
  for (size_t i = 0; i < applied.size(); ++i) {
    if (i >= migrations.size()) {
      return MakeError(
          absl::StatusCode::kFailedPrecondition, "SCHEMA_NEWER",
          {.what = absl::StrCat("database: migration '", applied[i].name,
                                "' found; this program knows ", migrations.size(), " migrations"),
           .why = "an older program would misread what a newer one wrote",
           .fix = "use the program version that wrote this database, or restore a backup",
           .metadata = {{"migration", applied[i].name}}});
    }
    const Digest expected = Sha256Of(migrations[i].sql);
    if (applied[i].name == migrations[i].name && applied[i].digest == expected) continue;
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "MIGRATION_DRIFT",
        {.what = absl::StrCat("database: migration ", i + 1, " is '", applied[i].name, "' ",
                              applied[i].digest.Hex(), "; must be '", migrations[i].name, "' ",
                              expected.Hex()),
         .why = "an applied migration is never edited, so the schema is not the one expected",
         .fix = "use the program version that made this database, or restore a backup",
         .metadata = {{"migration", applied[i].name},
                      {"expected", expected.Hex()},
                      {"actual", applied[i].digest.Hex()}}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(Database& database, std::span<const Migration> migrations, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<AppliedMigration> applied, ReadApplied(database));
  RETURN_IF_ERROR(CheckPrefix(applied, migrations));
  RETURN_IF_ERROR(
      database.Execute("CREATE TABLE IF NOT EXISTS schema_migrations("
                       "position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
                       "sha256 BLOB NOT NULL CHECK(length(sha256) = 32), "
                       "applied_time INTEGER NOT NULL) STRICT"));
  for (size_t i = applied.size(); i < migrations.size(); ++i) {
    const Migration& migration = migrations[i];
    const absl::Status status = database.Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(database.ExecuteScript(migration.sql));
      return database.Execute("INSERT INTO schema_migrations VALUES (?, ?, ?, ?)", i + 1,
                              migration.name, Sha256Of(migration.sql), now);
    });
    if (!status.ok()) return Annotate(status, absl::StrCat("migration '", migration.name, "'"));
  }
  return absl::OkStatus();
}

absl::Status CheckSchema(Database& database, std::span<const Migration> migrations) {
  ASSIGN_OR_RETURN(const std::vector<AppliedMigration> applied, ReadApplied(database));
  RETURN_IF_ERROR(CheckPrefix(applied, migrations));
  if (applied.size() == migrations.size()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition, "SCHEMA_OLDER",
                   {.what = absl::StrCat("database: migration '", migrations[applied.size()].name,
                                         "' is missing"),
                    .why = "serving changes no schema, so that an upgrade is a deliberate act",
                    .fix = "make a backup, then run 'kalavai-coordinator serve', which migrates",
                    .metadata = {{"migration", migrations[applied.size()].name}}});
}

}  // namespace kalavai
