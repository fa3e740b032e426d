// Goal: the matrix that a coordinator sends is the forecast's, and its errors are the caller's.
// Method: a service in this process that answers what the test says.
#include "common/prediction/loss_matrix_call.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"

#include "common/base/errors.h"
#include "common/rpc/status_conversion.h"
#include "kalavai/v1/prediction.grpc.pb.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

class OneMatrix final : public v1::PredictionService::Service {
 public:
  grpc::Status GetLossMatrix(grpc::ServerContext*, const v1::GetLossMatrixRequest* request,
                             v1::LossMatrix* response) override {
    if (request->parent() != "cooperatives/c") {
      return ToGrpcStatus(MakeError(absl::StatusCode::kNotFound, "EVALUATION_MISSING",
                                    {.what = request->parent()}));
    }
    for (const char* domain : {"legal", "welsh"}) response->add_domains(domain);
    for (const char* member : {"", "ann", "bo"}) {
      v1::LossMatrix::Row& row = *response->add_rows();
      const std::string name = member;
      row.set_model(name.empty() ? "base" : absl::StrCat("cooperatives/c/submissions/", name));
      row.set_domain(name.empty() ? "" : (name == "ann" ? "legal" : "welsh"));
      if (!name.empty()) row.set_contributor(absl::StrCat("cooperatives/c/contributors/", name));
      row.add_losses(name == "ann" ? 2 : 3);
      row.add_losses(name == "bo" ? 2.5 : 4);
    }
    return grpc::Status::OK;
  }
};

TEST_CASE("The matrix that was sent is what is computed with", "[prediction]") {
  OneMatrix service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  REQUIRE(server != nullptr);
  const std::shared_ptr<grpc::Channel> channel = server->InProcessChannel({});
  REQUIRE_OK_AND_ASSIGN(const ForecastFile file,
                        FetchLossMatrix(channel, "coordinator", "cooperatives/c"));
  CHECK(file.matrix.models == std::vector<std::string>{"base", "ann", "bo"});
  CHECK(file.matrix.domains == std::vector<std::string>{"legal", "welsh"});
  CHECK(file.matrix.loss[2][1] == 2.5);
  REQUIRE_STATUS(FetchLossMatrix(channel, "coordinator", "cooperatives/d"),
                 absl::StatusCode::kNotFound, "EVALUATION_MISSING");
}

}  // namespace
}  // namespace kalavai
