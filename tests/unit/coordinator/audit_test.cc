// Goal: a leaf and the change it tells of exist together or not at all, and leaves never change.
// Method: a real database with the real schema; a transaction that fails after the append.
#include "coordinator/audit.h"

#include <memory>

#include "common/crypto/merkle_tree.h"
#include "common/storage/migrator.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("A leaf is canonical JSON") {
  const absl::Time time = absl::FromUnixMicros(1'000'001);
  REQUIRE(FormatLeaf(7, time, {"administrator", "ACT", "cooperatives/a", {{"b", 1}, {"a", "é"}}}) ==
          "{\"action\":\"ACT\",\"actor\":\"administrator\",\"fields\":{\"a\":\"é\",\"b\":1},"
          "\"index\":7,\"subject\":\"cooperatives/a\",\"time\":\"1970-01-01T00:00:01.000001Z\"}");
}

TEST_CASE("Leaves follow each other without gaps and cannot be changed") {
  const testing::TempDir directory;
  const testing::FakeClock clock;
  REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(directory.File("x.db")));
  REQUIRE_OK(Migrate(*database, EmbeddedMigrations(), clock.Now()));
  TransparencyLog log(*database);
  Audit audit(log, clock);
  const auto append = [&] { return audit.Append("administrator", "ACT", "x").status(); };
  REQUIRE_OK(database->Transact(append));
  const absl::Status failed = database->Transact([&]() -> absl::Status {
    REQUIRE_OK(append());
    return absl::AbortedError("later trouble");
  });
  REQUIRE(failed.code() == absl::StatusCode::kAborted);
  REQUIRE_OK(database->Transact(append));
  REQUIRE_OK_AND_ASSIGN(const auto leaves, log.List(0, 10));
  REQUIRE(leaves.size() == 2);
  REQUIRE(leaves[1].index == 1);
  REQUIRE(leaves[1].leaf_hash == LeafHash(leaves[1].leaf));
  REQUIRE_OK_AND_ASSIGN(const auto second, log.List(1, 10));
  REQUIRE(second.size() == 1);
  REQUIRE_FALSE(database->Execute("UPDATE log_entries SET leaf = 'x' WHERE log_index = 0").ok());
  REQUIRE_FALSE(database->Execute("DELETE FROM log_entries WHERE log_index = 1").ok());
}

}  // namespace
}  // namespace kalavai::coordinator
