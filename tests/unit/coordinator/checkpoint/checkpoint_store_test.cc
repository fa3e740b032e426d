// Goal: a checkpoint is one set of files under one digest; importing again replaces it whole.
// Method: rows in a real database; a second import with fewer files.
#include "coordinator/checkpoint/checkpoint_store.h"

#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

CheckpointRow RowOf(absl::string_view seed, const std::vector<std::string>& names) {
  CheckpointRow row;
  row.cooperative = "nordic";
  row.root_digest = Sha256Of(seed);
  row.signature = std::string(seed);
  for (const std::string& name : names) {
    row.files.push_back({.path = name, .size_bytes = 3, .digest = Sha256Of(name)});
  }
  return row;
}

TEST_CASE("A checkpoint comes back whole, files by name") {
  const CooperativeFixture fixture;
  CheckpointStore store(*fixture.database);
  REQUIRE_STATUS(store.GetBase("nordic"), absl::StatusCode::kFailedPrecondition,
                 "BASE_CHECKPOINT_MISSING");
  CHECK_FALSE(store.Find("nordic", kBaseCheckpoint).value().has_value());
  REQUIRE_OK(store.Put(RowOf("first", {"tokenizer.json", "config.json"}), kNow));
  REQUIRE_OK_AND_ASSIGN(const CheckpointRow base, store.GetBase("nordic"));
  CHECK(base.root_digest == Sha256Of("first"));
  CHECK(base.signature == "first");
  REQUIRE(base.files.size() == 2);
  CHECK(base.files[0].path == "config.json");
  REQUIRE(base.Find("tokenizer.json") != nullptr);
  CHECK(base.Find("tokenizer.json")->digest == Sha256Of("tokenizer.json"));
  CHECK(base.Find("tokenizer.json")->size_bytes == 3);
  CHECK(base.Find("token") == nullptr);
}

TEST_CASE("A second import leaves nothing of the first") {
  const CooperativeFixture fixture;
  CheckpointStore store(*fixture.database);
  REQUIRE_OK(store.Put(RowOf("first", {"a.safetensors", "b.safetensors", "config.json"}), kNow));
  REQUIRE_OK(store.Put(RowOf("second", {"config.json"}), kNow));
  REQUIRE_OK_AND_ASSIGN(const CheckpointRow base, store.GetBase("nordic"));
  CHECK(base.root_digest == Sha256Of("second"));
  CHECK(base.files.size() == 1);
}

}  // namespace
}  // namespace kalavai::coordinator
