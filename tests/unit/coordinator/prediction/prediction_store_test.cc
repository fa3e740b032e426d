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

TEST_CASE("A row is kept with its measurement, replaced with it and deleted with it") {
  const CooperativeFixture fixture;
  PredictionStore store(*fixture.database);
  MeasurementRow measurement = MeasurementOf("ann", 3);
  const DomainLossesRow law = {.domain = "law",
                               .base_loss = 4,
                               .own_loss = 3,
                               .improvement_standard_error = 0.25,
                               .tokens = 992,
                               .text = Sha256Of("law")};
  DomainLossesRow sea = law;
  sea.domain = "sea";
  sea.own_loss = 4.5;
  measurement.row = {sea, law};
  REQUIRE_OK(store.PutMeasurement(measurement));
  REQUIRE_OK(store.PutMeasurement(MeasurementOf("bo", 3)));
  REQUIRE_OK_AND_ASSIGN(const auto rows, store.ListMeasurements("nordic"));
  REQUIRE(rows[0].row.size() == 2);
  CHECK(rows[0].row[0].domain == "law");
  CHECK(rows[0].row[0].improvement_standard_error == 0.25);
  CHECK(rows[0].row[0].tokens == 992);
  CHECK(rows[0].row[0].text == Sha256Of("law"));
  CHECK(rows[0].row[1].own_loss == 4.5);
  CHECK(rows[1].row.empty());
  measurement.row = {sea};
  REQUIRE_OK(store.PutMeasurement(measurement));
  CHECK(store.ListMeasurements("nordic").value()[0].row.size() == 1);
  for (const auto& spoil : {+[](DomainLossesRow& row) { row.own_loss = -1; },
                            +[](DomainLossesRow& row) { row.base_loss = 0; },
                            +[](DomainLossesRow& row) { row.tokens = 0; },
                            +[](DomainLossesRow& row) { row.domain = "moon"; }}) {
    measurement.row = {sea};
    spoil(measurement.row[0]);
    CHECK_FALSE(fixture.database->Transact([&] { return store.PutMeasurement(measurement); }).ok());
  }
  CHECK(store.ListMeasurements("nordic").value()[0].row.size() == 1);  // nothing of it was kept
  REQUIRE_OK(store.DeleteMeasurement("nordic", "ann"));
  REQUIRE_OK(store.PutMeasurement(MeasurementOf("ann", 3)));
  CHECK(store.ListMeasurements("nordic").value()[0].row.empty());
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
