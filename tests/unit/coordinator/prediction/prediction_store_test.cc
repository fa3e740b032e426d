// Goal: a prediction rests on the newest measurement of every member that is still there.
// Method: rows in a real database: a second measurement, a withdrawal, pages of predictions.
#include "coordinator/prediction/prediction_store.h"

#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

MeasurementRow MeasurementOf(const std::string& contributor, double own_loss) {
  return {.cooperative = "nordic",
          .contributor = contributor,
          .domain = contributor == "ann" ? "law" : "sea",
          .base_loss = 4,
          .own_loss = own_loss,
          .improvement_standard_error = 0.125,
          .held_out_tokens = 1000,
          .steps = 50,
          .pilot = true,
          .report_time = kNow};
}

TEST_CASE("The newest measurement of each member counts") {
  const CooperativeFixture fixture;
  PredictionStore store(*fixture.database);
  CHECK(store.ListMeasurements("nordic").value().empty());
  REQUIRE_OK(store.PutMeasurement(MeasurementOf("bo", 3.5)));
  REQUIRE_OK(store.PutMeasurement(MeasurementOf("ann", 3.5)));
  REQUIRE_OK(store.PutMeasurement(MeasurementOf("ann", 3.25)));
  REQUIRE_OK_AND_ASSIGN(const auto rows, store.ListMeasurements("nordic"));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].contributor == "ann");
  CHECK(rows[0].own_loss == 3.25);
  CHECK(rows[0].base_loss == 4);
  CHECK(rows[0].improvement_standard_error == 0.125);
  CHECK(rows[0].held_out_tokens == 1000);
  CHECK(rows[0].steps == 50);
  CHECK(rows[0].pilot);
  CHECK(rows[0].report_time == kNow);
  CHECK(rows[1].domain == "sea");
}

TEST_CASE("Losses on public text are kept, or known to be absent") {
  const CooperativeFixture fixture;
  PredictionStore store(*fixture.database);
  MeasurementRow row = MeasurementOf("ann", 3);
  REQUIRE_OK(store.PutMeasurement(row));
  CHECK_FALSE(store.ListMeasurements("nordic").value()[0].public_base_loss.has_value());
  row.public_base_loss = 2.5;
  row.public_own_loss = 2.75;
  REQUIRE_OK(store.PutMeasurement(row));
  REQUIRE_OK_AND_ASSIGN(const auto rows, store.ListMeasurements("nordic"));
  CHECK(rows[0].public_base_loss == 2.5);
  CHECK(rows[0].public_own_loss == 2.75);
  row.public_own_loss = -1;
  CHECK_FALSE(store.PutMeasurement(row).ok());
}

TEST_CASE("The database itself refuses to change or drop a prediction") {
  const CooperativeFixture fixture;
  PredictionStore store(*fixture.database);
  REQUIRE_OK(store.InsertPrediction(
      {.cooperative = "nordic", .id = "prediction-00000001", .body = "{}", .create_time = kNow}));
  CHECK_FALSE(fixture.database->Execute("UPDATE predictions SET body = 'rewritten'").ok());
  CHECK_FALSE(fixture.database->Execute("DELETE FROM predictions").ok());
  CHECK_FALSE(fixture.database
                  ->Execute("INSERT OR REPLACE INTO predictions VALUES "
                            "('nordic', 'prediction-00000001', 'rewritten', 1)")
                  .ok());
  REQUIRE_OK_AND_ASSIGN(const auto rows, store.ListPredictions("nordic", "", 10));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].body == "{}");
}

TEST_CASE("Who has left is not counted on") {
  CooperativeFixture fixture;
  PredictionStore store(*fixture.database);
  REQUIRE_OK(store.PutMeasurement(MeasurementOf("ann", 3)));
  REQUIRE_OK(store.PutMeasurement(MeasurementOf("bo", 3)));
  REQUIRE_OK(fixture.cooperatives.Withdraw("nordic", "ann", kNow));
  REQUIRE_OK_AND_ASSIGN(const auto rows, store.ListMeasurements("nordic"));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].contributor == "bo");
}

TEST_CASE("Predictions are numbered, paged and never changed") {
  const CooperativeFixture fixture;
  PredictionStore store(*fixture.database);
  for (const char* id : {"prediction-00000001", "prediction-00000002", "prediction-00000003"}) {
    REQUIRE(store.NextId("nordic").value() == id);
    REQUIRE_OK(store.InsertPrediction(
        {.cooperative = "nordic", .id = id, .body = std::string("{} ") + id, .create_time = kNow}));
  }
  CHECK_FALSE(store
                  .InsertPrediction({.cooperative = "nordic",
                                     .id = "prediction-00000002",
                                     .body = "rewritten",
                                     .create_time = kNow})
                  .ok());
  REQUIRE_OK_AND_ASSIGN(const auto first, store.ListPredictions("nordic", "", 2));
  REQUIRE(first.size() == 2);
  CHECK(first[1].body == "{} prediction-00000002");
  REQUIRE_OK_AND_ASSIGN(const auto rest, store.ListPredictions("nordic", first[1].id, 2));
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].id == "prediction-00000003");
  CHECK(store.NextId("alpine").value() == "prediction-00000001");
}

}  // namespace
}  // namespace kalavai::coordinator
