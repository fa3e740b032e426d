// Goal: a model takes the place of the one before when it is loaded, in its own cooperative only,
// and an earlier one can be returned to unless a member of it has left. Method: releases of two
// cooperatives in a real database.
#include "coordinator/serving/model_store.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "tests/unit/coordinator/cooperative_fixture.h"
#include "tests/unit/coordinator/fusion/fusion_fixture.h"

namespace kalavai::coordinator {
namespace {

ModelRecord ModelOf(const std::string& cooperative, const std::string& id) {
  ModelRecord model;
  model.cooperative = "cooperatives/" + cooperative;
  model.name = model.cooperative + "/models/" + id;
  model.fusion = model.cooperative + "/fusions/f";
  model.root_digest = Sha256Of(id);
  model.signature = "{}";
  model.acknowledged_reason = "known";
  model.experts.resize(1);  // the base
  model.experts[0].root_digest = Sha256Of("base");
  for (const std::string member : {"ann", "bo"}) {
    model.experts.push_back({.submission = model.cooperative + "/submissions/" + member,
                             .contributor = model.cooperative + "/contributors/" + member,
                             .domain = "law",
                             .root_digest = Sha256Of(member)});
  }
  model.files = {{.path = "router.safetensors", .size_bytes = 6, .sha256 = Sha256Of("router")},
                 {.path = "model.json", .size_bytes = 2, .sha256 = Sha256Of("{}")}};
  model.release_time = kNow;
  return model;
}

TEST_CASE("A model comes back as it was released", "[serving]") {
  const CooperativeFixture fixture;
  ModelStore store(*fixture.database);
  ModelRecord model = ModelOf("nordic", "m1");
  model.mixture = Mixture::kLogit;
  REQUIRE_OK(store.Create(model));
  REQUIRE_STATUS(store.Create(model), absl::StatusCode::kAlreadyExists, "MODEL_EXISTS");
  REQUIRE_OK_AND_ASSIGN(const ModelRecord back, store.Get(model.name));
  CHECK(back.fusion == model.fusion);
  CHECK(back.mixture == Mixture::kLogit);
  CHECK(back.root_digest == model.root_digest);
  CHECK(back.signature == model.signature);
  CHECK(back.acknowledged_reason == model.acknowledged_reason);
  CHECK(back.release_time == model.release_time);
  REQUIRE(back.experts.size() == 3);
  CHECK(back.experts[0].submission.empty());
  CHECK(back.experts[2].contributor == model.experts[2].contributor);
  CHECK(back.experts[2].root_digest == model.experts[2].root_digest);
  REQUIRE(back.files.size() == 2);
  CHECK(back.files[0].path == "model.json");  // by name
  CHECK(back.files[1].sha256 == Sha256Of("router"));
  REQUIRE_STATUS(store.Get("cooperatives/nordic/models/none"), absl::StatusCode::kNotFound,
                 "MODEL_NOT_FOUND");
  REQUIRE_STATUS(store.GetNewest("cooperatives/baltic"), absl::StatusCode::kNotFound,
                 "MODEL_NOT_FOUND");
}

TEST_CASE("A loaded model retires its cooperative's earlier models and no other's", "[serving]") {
  const CooperativeFixture fixture;
  ModelStore store(*fixture.database);
  REQUIRE_OK(store.Create(ModelOf("alpine", "a1")));
  REQUIRE_OK(store.Create(ModelOf("nordic", "m1")));
  REQUIRE_OK(store.SetState("cooperatives/nordic/models/m1", ModelState::kActive, ""));
  REQUIRE_OK(store.Create(ModelOf("nordic", "m2")));
  // Until the new one can answer, the old one does.
  CHECK(store.GetNewest("cooperatives/nordic").value().name == "cooperatives/nordic/models/m1");
  REQUIRE_OK(store.SetState("cooperatives/nordic/models/m2", ModelState::kActive, ""));
  CHECK(store.GetNewest("cooperatives/nordic").value().name == "cooperatives/nordic/models/m2");
  REQUIRE_OK(store.RetireEarlier(store.Get("cooperatives/nordic/models/m2").value()));
  REQUIRE_OK_AND_ASSIGN(const ModelRecord old, store.Get("cooperatives/nordic/models/m1"));
  CHECK(old.state == ModelState::kRetired);
  CHECK(old.state_reason == "replaced by cooperatives/nordic/models/m2");
  CHECK(store.Get("cooperatives/alpine/models/a1").value().state == ModelState::kLoading);
  CHECK(store.GetNewest("cooperatives/nordic").value().name == "cooperatives/nordic/models/m2");
  REQUIRE_OK_AND_ASSIGN(const auto served, store.ListServed());
  REQUIRE(served.size() == 2);
  CHECK(served[0].name == "cooperatives/alpine/models/a1");
  CHECK(served[1].name == "cooperatives/nordic/models/m2");
  CHECK(served[1].experts.size() == 3);
  // Retired ones stay in the list: what answered once can be looked up.
  REQUIRE_OK_AND_ASSIGN(const auto first, store.List("cooperatives/nordic", "", 1));
  REQUIRE(first.size() == 1);
  CHECK(first[0].name == "cooperatives/nordic/models/m1");
  REQUIRE_OK_AND_ASSIGN(const auto rest, store.List("cooperatives/nordic", first[0].name, 10));
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].name == "cooperatives/nordic/models/m2");
}

TEST_CASE("A rollback gives an earlier model the next turn", "[serving]") {
  const CooperativeFixture fixture;
  ModelStore store(*fixture.database);
  REQUIRE_STATUS(store.GetEarlier("cooperatives/nordic"), absl::StatusCode::kFailedPrecondition,
                 "NO_EARLIER_MODEL");
  for (const char* const id : {"m1", "m2", "m3"}) {
    REQUIRE_OK(store.Create(ModelOf("nordic", id)));
    const std::string name = absl::StrCat("cooperatives/nordic/models/", id);
    REQUIRE_OK(store.SetState(name, ModelState::kActive, ""));
    REQUIRE_OK(store.RetireEarlier(store.Get(name).value()));
  }
  REQUIRE_OK_AND_ASSIGN(const ModelRecord earlier, store.GetEarlier("cooperatives/nordic"));
  CHECK(earlier.name == "cooperatives/nordic/models/m2");
  REQUIRE_OK(store.TakeTurn(earlier.name));
  REQUIRE_OK_AND_ASSIGN(const ModelRecord again, store.Get(earlier.name));
  CHECK(again.state == ModelState::kLoading);
  CHECK(again.turn == store.LatestTurn("cooperatives/nordic").value());
  CHECK(store.GetNewest("cooperatives/nordic").value().name == "cooperatives/nordic/models/m3");
  REQUIRE_OK(store.SetState(again.name, ModelState::kActive, ""));
  REQUIRE_OK(store.RetireEarlier(again));
  CHECK(store.Get("cooperatives/nordic/models/m3").value().state == ModelState::kRetired);
  CHECK(store.GetNewest("cooperatives/nordic").value().name == again.name);
  // The one before it by turn is the one it took over from.
  CHECK(store.GetEarlier("cooperatives/nordic").value().name == "cooperatives/nordic/models/m3");
}

TEST_CASE("A model that cannot be loaded says why", "[serving]") {
  const CooperativeFixture fixture;
  ModelStore store(*fixture.database);
  REQUIRE_OK(store.Create(ModelOf("nordic", "m1")));
  const std::string name = "cooperatives/nordic/models/m1";
  REQUIRE_OK(store.SetState(name, ModelState::kLoading, "SIGNATURE_INVALID: model.sig"));
  CHECK(store.Get(name).value().state_reason == "SIGNATURE_INVALID: model.sig");
  REQUIRE_OK(store.SetState(name, ModelState::kActive, ""));
  CHECK(store.Get(name).value().state == ModelState::kActive);
  CHECK(store.Get(name).value().state_reason.empty());
}

TEST_CASE("A model whose router read the sample of a member that left is passed over",
          "[serving]") {
  CooperativeFixture fixture;
  ModelStore store(*fixture.database);
  FusionStore fusions(*fixture.database);
  for (const char* const id : {"m1", "m2", "m3"}) {
    FusionRecord fusion = QueuedFusion(id);
    if (id == std::string("m2")) {  // bo shared, and sent no specialist
      REQUIRE_OK(fixture.cooperatives.InsertSample({.cooperative = "nordic",
                                                    .domain = "sea",
                                                    .format = "jsonl",
                                                    .digest = Sha256Of("sample"),
                                                    .size_bytes = 6,
                                                    .router_documents = 1,
                                                    .evaluation_documents = 1,
                                                    .contributor = "bo"},
                                                   kNow));
      fusion.samples = {"bo"};
    }
    REQUIRE_OK(fusions.Create(fusion));
    REQUIRE_OK(fusions.SetState(fusion.name, FusionState::kEvaluating, {}));
    REQUIRE_OK(fusions.SetSucceeded(fusion.name, ExampleFigures(), ExampleLosses(), kNow));
    ModelRecord model = ModelOf("nordic", id);
    model.fusion = fusion.name;
    REQUIRE_OK(store.Create(model));
  }
  CHECK(store.GetEarlier("cooperatives/nordic").value().name == "cooperatives/nordic/models/m2");
  REQUIRE_OK(fixture.cooperatives.Withdraw("nordic", "bo", kNow));
  CHECK(store.HasWithdrawn("cooperatives/nordic/models/m2").value());
  CHECK(store.GetEarlier("cooperatives/nordic").value().name == "cooperatives/nordic/models/m1");
  CHECK(store.Exists("cooperatives/nordic/models/m1").value());
  CHECK_FALSE(store.Exists("cooperatives/nordic/models/m4").value());
}

}  // namespace
}  // namespace kalavai::coordinator
