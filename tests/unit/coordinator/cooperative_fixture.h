// A database with the coordinator's whole schema and one launched cooperative in it: "nordic", of
// the domains law and sea, with the members ann (law) and bo (sea). For tests of stores.
#ifndef KALAVAI_TESTS_UNIT_COORDINATOR_COOPERATIVE_FIXTURE_H_
#define KALAVAI_TESTS_UNIT_COORDINATOR_COOPERATIVE_FIXTURE_H_

#include <memory>
#include <string>

#include "common/storage/migrator.h"
#include "common/storage/sqlite.h"
#include "coordinator/launch/cooperative_store.h"
#include "migrations/embedded_migrations.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::coordinator {

inline const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

inline std::unique_ptr<Database> OpenMigrated(const std::string& path) {
  std::unique_ptr<Database> database = Database::Open(path).value();
  REQUIRE_OK(Migrate(*database, EmbeddedMigrations(), kNow));
  return database;
}

struct CooperativeFixture {
  CooperativeFixture() : database(OpenMigrated(temp.File("db"))), cooperatives(*database) {
    REQUIRE_OK(cooperatives.Insert(
        {.id = "nordic", .domains = {"law", "sea"}, .chunk_tokens = 32, .create_time = kNow}));
    REQUIRE_OK(cooperatives.SetLaunched("nordic", "{\"charter\":1}", kNow));
    AddMember("ann", "law");
    AddMember("bo", "sea");
  }

  void AddMember(const std::string& id, const std::string& domain) {
    REQUIRE_OK(cooperatives.InsertContributor(
        {.cooperative = "nordic", .id = id, .domain = domain, .create_time = kNow}));
    REQUIRE_OK(cooperatives.Enroll("nordic", id, "a key", kNow + absl::Hours(24)));
  }

  testing::TempDir temp;
  std::unique_ptr<Database> database;
  CooperativeStore cooperatives;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_UNIT_COORDINATOR_COOPERATIVE_FIXTURE_H_
