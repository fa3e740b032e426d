// Goal: the API's matrix is read without public text, and a damaged one is refused.
// Method: a message by hand, then one thing wrong at a time.
#include "common/prediction/loss_matrix_message.h"

#include <functional>
#include <limits>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

void AddRow(v1::LossMatrix& message, const std::string& member, std::vector<double> losses) {
  v1::LossMatrix::Row& row = *message.add_rows();
  row.set_model(member.empty() ? "base" : "cooperatives/c/submissions/s-" + member);
  row.set_contributor(member.empty() ? "" : "cooperatives/c/contributors/" + member);
  row.set_domain(member.empty() ? "" : member + "-text");
  for (const double loss : losses) row.add_losses(loss);
}

v1::LossMatrix Example() {
  v1::LossMatrix message;
  for (const char* domain : {"ann-text", "open", "bo-text"}) message.add_domains(domain);
  message.add_public_domains("open");
  AddRow(message, "", {3, 1, 4});
  AddRow(message, "ann", {2, 9, 4});
  AddRow(message, "carl", {3, 9, 3.5});
  for (const double loss : {2.0, 9.0, 3.5}) message.add_fused_losses(loss);
  return message;
}

TEST_CASE("Members are called by their ids; public text is left out", "[prediction]") {
  REQUIRE_OK_AND_ASSIGN(const ForecastFile file, ReadLossMatrix(Example()));
  CHECK(file.matrix.domains == std::vector<std::string>{"ann-text", "bo-text"});
  CHECK(file.matrix.models == std::vector<std::string>{"base", "ann", "carl"});
  CHECK(file.matrix.loss[1] == std::vector<double>{2, 4});
  CHECK(file.matrix.own_domain == std::vector<int>{0, kNoDomain});  // carl-text is not evaluated
  CHECK(file.fused == std::vector<double>{2, 3.5});
  v1::LossMatrix unfused = Example();
  unfused.clear_fused_losses();
  CHECK_FALSE(ReadLossMatrix(unfused)->fused.has_value());
}

TEST_CASE("Rows that do not fit are refused", "[prediction]") {
  const std::function<void(v1::LossMatrix&)> damages[] = {
      [](v1::LossMatrix& m) { m.clear_rows(); },
      [](v1::LossMatrix& m) { m.mutable_rows(0)->set_model("other"); },
      [](v1::LossMatrix& m) { m.mutable_rows(1)->add_losses(1); },
      [](v1::LossMatrix& m) { m.mutable_rows(1)->set_losses(0, -1); },
      [](v1::LossMatrix& m) { m.mutable_rows()->DeleteSubrange(1, 2); },
      [](v1::LossMatrix& m) { m.mutable_rows(1)->set_losses(0, 1e10); },
      [](v1::LossMatrix& m) { m.mutable_rows(1)->set_losses(0, 1e-10); },
      [](v1::LossMatrix& m) { m.set_fused_losses(0, 0); },
      [](v1::LossMatrix& m) { m.set_fused_losses(2, std::numeric_limits<double>::quiet_NaN()); },
      [](v1::LossMatrix& m) { m.set_fused_losses(2, 1e300); },
      [](v1::LossMatrix& m) { m.add_fused_losses(2); },
      [](v1::LossMatrix& m) { m.clear_domains(); },
      [](v1::LossMatrix& m) { m.set_domains(2, "ann-text"); }};
  for (const auto& damage : damages) {
    v1::LossMatrix message = Example();
    damage(message);
    REQUIRE_STATUS(ReadLossMatrix(message), absl::StatusCode::kInvalidArgument,
                   "LOSS_MATRIX_INVALID");
  }
}

}  // namespace
}  // namespace kalavai
