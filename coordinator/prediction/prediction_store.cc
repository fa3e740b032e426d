#include "coordinator/prediction/prediction_store.h"

#include "absl/strings/str_format.h"

#include "common/base/status_macros.h"

namespace kalavai::coordinator {

absl::Status PredictionStore::PutMeasurement(const MeasurementRow& row) {
  RETURN_IF_ERROR(DeleteMeasurement(row.cooperative, row.contributor));
  RETURN_IF_ERROR(database_.Execute(
      "INSERT INTO measurements(cooperative, contributor, domain, base_loss, own_loss, "
      "improvement_standard_error, held_out_tokens, steps, pilot, report_time) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
      row.cooperative, row.contributor, row.domain, row.base_loss, row.own_loss,
      row.improvement_standard_error, row.held_out_tokens, row.steps, row.pilot, row.report_time));
  for (const DomainLossesRow& losses : row.row) {
    RETURN_IF_ERROR(database_.Execute(
        "INSERT INTO measurement_rows(cooperative, contributor, domain, base_loss, own_loss, "
        "improvement_standard_error, tokens, text_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        row.cooperative, row.contributor, losses.domain, losses.base_loss, losses.own_loss,
        losses.improvement_standard_error, losses.tokens, losses.text));
  }
  return absl::OkStatus();
}

absl::Status PredictionStore::DeleteMeasurement(absl::string_view cooperative,
                                                absl::string_view contributor) {
  RETURN_IF_ERROR(
      database_.Execute("DELETE FROM measurement_rows WHERE cooperative = ?1 AND contributor = ?2",
                        cooperative, contributor));
  return database_.Execute("DELETE FROM measurements WHERE cooperative = ?1 AND contributor = ?2",
                           cooperative, contributor);
}

absl::StatusOr<std::vector<MeasurementRow>> PredictionStore::ListMeasurements(
    absl::string_view cooperative) const {
  std::vector<MeasurementRow> rows;
  RETURN_IF_ERROR(database_.Query(
      "SELECT m.contributor, m.domain, m.base_loss, m.own_loss, m.improvement_standard_error, "
      "m.held_out_tokens, m.steps, m.pilot, m.report_time FROM measurements m "
      "JOIN contributors c ON c.cooperative = m.cooperative AND c.id = m.contributor "
      "WHERE m.cooperative = ?1 AND c.state = 'ACTIVE' ORDER BY m.contributor",
      [&](Row& row) {
        rows.push_back({.cooperative = std::string(cooperative),
                        .contributor = row.Text(0),
                        .domain = row.Text(1),
                        .base_loss = row.Double(2),
                        .own_loss = row.Double(3),
                        .improvement_standard_error = row.Double(4),
                        .held_out_tokens = row.Int(5),
                        .steps = row.Int(6),
                        .pilot = row.Bool(7),
                        .report_time = row.Time(8)});
        return absl::OkStatus();
      },
      cooperative));
  for (MeasurementRow& measurement : rows) {
    RETURN_IF_ERROR(database_.Query(
        "SELECT domain, base_loss, own_loss, improvement_standard_error, tokens, text_digest "
        "FROM measurement_rows WHERE cooperative = ?1 AND contributor = ?2 ORDER BY domain",
        [&](Row& row) {
          measurement.row.push_back({.domain = row.Text(0),
                                     .base_loss = row.Double(1),
                                     .own_loss = row.Double(2),
                                     .improvement_standard_error = row.Double(3),
                                     .tokens = row.Int(4),
                                     .text = row.Digest(5)});
          return absl::OkStatus();
        },
        cooperative, measurement.contributor));
  }
  return rows;
}

absl::Status PredictionStore::InsertPrediction(const PredictionRow& row) {
  return database_.Execute(
      "INSERT INTO predictions(cooperative, id, body, create_time) VALUES (?1, ?2, ?3, ?4)",
      row.cooperative, row.id, row.body, row.create_time);
}

absl::StatusOr<std::vector<PredictionRow>> PredictionStore::ListPredictions(
    absl::string_view cooperative, absl::string_view after, int64_t count) const {
  std::vector<PredictionRow> rows;
  RETURN_IF_ERROR(database_.Query(
      "SELECT id, body, create_time FROM predictions WHERE cooperative = ?1 AND id > ?2 "
      "ORDER BY id LIMIT ?3",
      [&](Row& row) {
        rows.push_back({.cooperative = std::string(cooperative),
                        .id = row.Text(0),
                        .body = row.Text(1),
                        .create_time = row.Time(2)});
        return absl::OkStatus();
      },
      cooperative, after, count));
  return rows;
}

absl::StatusOr<std::string> PredictionStore::NextId(absl::string_view cooperative) const {
  int64_t count = 0;  // predictions are never removed
  RETURN_IF_ERROR(database_.Query(
      "SELECT COUNT(*) FROM predictions WHERE cooperative = ?1",
      [&](Row& row) {
        count = row.Int(0);
        return absl::OkStatus();
      },
      cooperative));
  return absl::StrFormat("prediction-%08d", count + 1);
}

}  // namespace kalavai::coordinator
