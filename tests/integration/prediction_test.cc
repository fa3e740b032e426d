// Goal: two numbers a member become a stored, explained verdict, and nobody reports for another.
// Method: a real server, two or three enrolled members, measurements with a known coverage gain.
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "common/rpc/retry.h"
#include "kalavai/v1/prediction.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::testing {
namespace {

using Stub = v1::PredictionService::Stub;

v1::ReportMeasurementRequest Report(double base_loss, double own_loss) {
  v1::ReportMeasurementRequest request;
  request.set_parent("cooperatives/nordic");
  request.mutable_measurement()->set_base_loss(base_loss);
  request.mutable_measurement()->set_own_loss(own_loss);
  request.mutable_measurement()->set_improvement_standard_error(0.001);
  request.mutable_measurement()->set_held_out_tokens(16'384);
  request.mutable_measurement()->set_steps(200);
  request.mutable_measurement()->set_pilot(true);
  return request;
}

TEST_CASE("Members' measurements become a stored prediction") {
  InProcessCoordinator coordinator;
  const TempDir base;
  WriteTinyBase(base.path(), 1);
  coordinator.LaunchCooperative("nordic", {"legal", "medical"}, base.path());
  const std::string address = coordinator.address();
  const auto admin = v1::PredictionService::NewStub(coordinator.AdministratorChannel());
  v1::CreatePredictionRequest create;
  create.set_parent("cooperatives/nordic");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::CreatePrediction, create),
                 absl::StatusCode::kFailedPrecondition, "NOT_ENOUGH_SPECIALISTS");

  const Member mary = coordinator.Enroll("nordic", "st-mary", "medical");
  const Member firm = coordinator.Enroll("nordic", "firm", "legal");
  const auto mary_stub = v1::PredictionService::NewStub(mary.channel);
  const auto firm_stub = v1::PredictionService::NewStub(firm.channel);
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::ReportMeasurement, Report(3, 2)),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& [b, s] : {std::pair{0.0, 1.0}, {1.0, -1.0}, {nan, 1.0}, {1.0, infinity}}) {
    REQUIRE_STATUS(CallUnary(address, *mary_stub, &Stub::ReportMeasurement, Report(b, s)),
                   absl::StatusCode::kInvalidArgument, "MEASUREMENT_INVALID");
  }
  REQUIRE_OK_AND_ASSIGN(const v1::Measurement reported,
                        CallUnary(address, *mary_stub, &Stub::ReportMeasurement, Report(4.0, 3.0)));
  REQUIRE(reported.contributor() == mary.name);
  REQUIRE(reported.domain() == "medical");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::CreatePrediction, create),
                 absl::StatusCode::kFailedPrecondition, "MEASUREMENTS_MISSING");
  REQUIRE_OK(CallUnary(address, *firm_stub, &Stub::ReportMeasurement, Report(3.0, 3.0)));
  REQUIRE_OK(CallUnary(address, *firm_stub, &Stub::ReportMeasurement, Report(3.0, 2.5)));

  // coverage: 100 (1.5 - 1.0) / (7 - 1.0) = 8.333 %.
  REQUIRE_OK_AND_ASSIGN(const v1::Prediction prediction,
                        CallUnary(address, *firm_stub, &Stub::CreatePrediction, create));
  REQUIRE_NEAR(prediction.coverage().value(), 100 * 0.5 / 6, 1e-9);
  REQUIRE(prediction.coverage().low() <= prediction.coverage().value());
  REQUIRE(prediction.coverage().high() >= prediction.coverage().value());
  REQUIRE(prediction.verdict() == v1::Prediction::GO);
  REQUIRE(prediction.basis() == "coverage");
  REQUIRE_FALSE(prediction.has_oracle());
  REQUIRE_NEAR(prediction.mean_divergence_percent(), (25.0 + 100.0 / 6) / 2, 1e-9);
  REQUIRE(prediction.calibration_points() == 6);
  REQUIRE(prediction.measurements_size() == 2);
  // What the law firm wins on medical text: 1.0 of 4.0 nats; and the hospital 0.5 of 3.0.
  REQUIRE(prediction.member_values(0).contributor() == firm.name);
  REQUIRE_NEAR(prediction.member_values(0).other_domains_percent(), 25.0, 1e-9);
  REQUIRE_NEAR(prediction.member_values(1).other_domains_percent(), 100.0 / 6, 1e-9);

  create.set_calibration("published8");
  REQUIRE(CallUnary(address, *mary_stub, &Stub::CreatePrediction, create)->calibration_points() ==
          8);
  create.set_calibration("own");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::CreatePrediction, create),
                 absl::StatusCode::kInvalidArgument, "CALIBRATION_INVALID");
  create.set_calibration("other");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::CreatePrediction, create),
                 absl::StatusCode::kInvalidArgument, "CALIBRATION_UNKNOWN");
  // What if the hospital left and another law firm joined, of a new domain? Members may ask.
  v1::ForecastWhatIfRequest what_if;
  what_if.set_parent("cooperatives/nordic");
  what_if.add_without(mary.name);
  v1::PlannedMember& planned = *what_if.add_planned();
  planned.set_domain("patents");
  planned.set_base_loss(5);
  planned.set_own_loss(4);
  REQUIRE_OK_AND_ASSIGN(const v1::Prediction asked,
                        CallUnary(address, *firm_stub, &Stub::ForecastWhatIf, what_if));
  REQUIRE_NEAR(asked.coverage().value(), 100 * 0.5 / (8 - 1), 1e-9);
  REQUIRE(asked.name().empty());
  what_if.set_parent("cooperatives/alpine");
  REQUIRE_STATUS(CallUnary(address, *firm_stub, &Stub::ForecastWhatIf, what_if),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  what_if.set_parent("cooperatives/nordic");
  what_if.set_without(0, "nobody");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::ForecastWhatIf, what_if),
                 absl::StatusCode::kInvalidArgument, "WHAT_IF_INVALID");
  // Everybody has measured its row: the law firm helps medicine a little, the hospital harms law.
  const auto with_row = [](double b, double s, double law, double medicine) {
    v1::ReportMeasurementRequest report = Report(b, s);
    for (const auto& [domain, before, after] :
         {std::tuple("legal", 3.0, law), std::tuple("medical", 4.0, medicine)}) {
      v1::DomainLosses& losses = *report.mutable_measurement()->add_row();
      losses.set_domain(domain);
      losses.set_base_loss(before);
      losses.set_own_loss(after);
      losses.set_tokens(32 * 31);
      losses.set_text_sha256(std::string(64, 'a'));
    }
    return report;
  };
  REQUIRE(CallUnary(address, *mary_stub, &Stub::ReportMeasurement, with_row(4, 3, 3.3, 3))
              ->row(1)
              .own_loss() == 3);
  create.set_calibration("");
  REQUIRE_OK_AND_ASSIGN(const v1::Prediction partial,
                        CallUnary(address, *firm_stub, &Stub::CreatePrediction, create));
  REQUIRE(partial.basis() == "coverage");
  REQUIRE(partial.reason().find("rows not yet measured: firm on legal, medical") !=
          std::string::npos);
  v1::ReportMeasurementRequest wrong = with_row(3, 2.5, 2.5, 3.9);
  wrong.mutable_measurement()->mutable_row(1)->set_domain("public");
  REQUIRE_STATUS(CallUnary(address, *firm_stub, &Stub::ReportMeasurement, wrong),
                 absl::StatusCode::kInvalidArgument, "DOMAIN_UNKNOWN");
  REQUIRE_OK(CallUnary(address, *firm_stub, &Stub::ReportMeasurement, with_row(3, 2.5, 2.5, 3.9)));
  REQUIRE_OK_AND_ASSIGN(const v1::Prediction measured,
                        CallUnary(address, *firm_stub, &Stub::CreatePrediction, create));
  REQUIRE(measured.basis() == "rows");
  // Sums: the hospital 6.3, the firm 6.4; the oracle 5.5.
  REQUIRE_NEAR(measured.rows().value(), 100 * 0.8 / 6.3, 1e-9);
  REQUIRE(measured.rows_note().empty());

  v1::ListPredictionsRequest list;
  list.set_parent("cooperatives/nordic");
  REQUIRE_OK_AND_ASSIGN(const v1::ListPredictionsResponse listed,
                        CallUnary(address, *admin, &Stub::ListPredictions, list));
  REQUIRE(listed.predictions_size() == 4);  // a what-if is not stored
  REQUIRE(listed.predictions(0).SerializeAsString() == prediction.SerializeAsString());
  list.set_page_token("AAAAAAAAAAAAAAAA");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::ListPredictions, list),
                 absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID");
  v1::GetLossMatrixRequest matrix;
  matrix.set_parent("cooperatives/nordic");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::GetLossMatrix, matrix),
                 absl::StatusCode::kNotFound, "EVALUATION_MISSING");
  matrix.set_parent("cooperatives/alpine");
  REQUIRE_STATUS(CallUnary(address, *admin, &Stub::GetLossMatrix, matrix),
                 absl::StatusCode::kNotFound, "COOPERATIVE_NOT_FOUND");
}

void CheckFinite(const v1::Prediction& prediction) {
  std::vector<double> figures = {prediction.mean_divergence_percent()};
  for (const v1::Estimate* estimate :
       {&prediction.line(), &prediction.coverage(), &prediction.rows()}) {
    figures.insert(figures.end(), {estimate->value(), estimate->low(), estimate->high()});
    CHECK(estimate->low() <= estimate->value());
    CHECK(estimate->value() <= estimate->high());
  }
  for (const v1::MemberValue& value : prediction.member_values()) {
    figures.insert(figures.end(), {value.other_domains_percent(), value.over_own_percent(),
                                   value.gain_without_percent()});
  }
  for (const double figure : figures) CHECK(std::isfinite(figure));
  CHECK_FALSE(prediction.reason().empty());
}

TEST_CASE("Losses at their bounds give figures, whoever reports them") {
  InProcessCoordinator coordinator;
  const TempDir base;
  WriteTinyBase(base.path(), 1);
  coordinator.LaunchCooperative("nordic", {"legal", "medical"}, base.path());
  const std::string address = coordinator.address();
  const Member mary = coordinator.Enroll("nordic", "st-mary", "medical");
  const Member firm = coordinator.Enroll("nordic", "firm", "legal");
  const auto hers = v1::PredictionService::NewStub(mary.channel);
  const auto theirs = v1::PredictionService::NewStub(firm.channel);
  v1::ReportMeasurementRequest usual = Report(4, 3);
  REQUIRE_OK(CallUnary(address, *theirs, &Stub::ReportMeasurement, usual));
  v1::CreatePredictionRequest create;
  create.set_parent("cooperatives/nordic");
  for (int bits = 0; bits < 4; ++bits) {
    const auto loss = [bits](int bit) { return (bits >> bit & 1) != 0 ? 100.0 : 1e-6; };
    INFO(bits);
    v1::ReportMeasurementRequest extreme = Report(loss(0), loss(1));
    extreme.mutable_measurement()->set_improvement_standard_error(100);
    REQUIRE_OK(CallUnary(address, *hers, &Stub::ReportMeasurement, extreme));
    REQUIRE_OK_AND_ASSIGN(const v1::Prediction prediction,
                          CallUnary(address, *theirs, &Stub::CreatePrediction, create));
    CheckFinite(prediction);
  }
}

}  // namespace
}  // namespace kalavai::testing
