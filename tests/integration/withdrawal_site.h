// A site with everything that takes a member out of its models: for tests of withdrawals.
#ifndef KALAVAI_TESTS_INTEGRATION_WITHDRAWAL_SITE_H_
#define KALAVAI_TESTS_INTEGRATION_WITHDRAWAL_SITE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/fusion/fusion_starter.h"
#include "coordinator/fusion/model_publisher.h"
#include "coordinator/withdrawal/withdrawals.h"
#include "tests/integration/fusion_site.h"

namespace kalavai::coordinator {

// The steps as the server wires them, on a site that can be reopened as after a kill.
struct Coordinator {
  explicit Coordinator(Site& of) : site(of) {}

  Site& site;
  NoteSigner signer = NoteSigner::Create("kalavai/test").value();
  SignedLog log{site.log, signer};
  std::unique_ptr<FusionWorker> worker = site.Worker();
  FusionStarter starter{{.database = *site.database,
                         .sources = site.Sources(),
                         .fusions = site.fusions,
                         .worker = *worker,
                         .audit = site.audit,
                         .clock = SystemClock(),
                         .blobs = *site.blobs}};
  std::vector<std::string> reloaded;
  ModelPublisher publisher{
      {.database = *site.database,
       .cooperatives = site.cooperatives,
       .fusions = site.fusions,
       .audit = site.audit,
       .key = site.key,
       .clock = SystemClock(),
       .models_directory = site.directory.File("models"),
       .router_path = [this](absl::string_view fusion) { return worker->RouterPath(fusion); },
       .publish =
           [this](const ReleasedModel& model) { return site.models.Create(RecordOf(model)); },
       .activate =
           [this](const std::string& model) {
             // As the loader does when the engine has it.
             REQUIRE_OK(site.models.SetState(model, ModelState::kActive, ""));
             REQUIRE_OK(site.models.RetireEarlier(site.models.Get(model).value()));
           },
       .on_record = [this](const std::string& model) { return site.models.Exists(model); }}};
  WithdrawalStore rows{*site.database};
  Withdrawals withdrawals{
      {.database = *site.database,
       .blobs = *site.blobs,
       .cooperatives = site.cooperatives,
       .submissions = site.submissions,
       .fusions = site.fusions,
       .models = site.models,
       .withdrawals = rows,
       .audit = site.audit,
       .log = log,
       .key = site.key,
       .clock = SystemClock()},
      {.forget_measurement = [](absl::string_view, absl::string_view) { return absl::OkStatus(); },
       .erase_derived = [this] { return EraseDerived(); },
       .start_fusion =
           [this](const ReSolve& wish,
                  const std::function<absl::Status(const std::string&)>& within) {
             return starter.Start(RequestOf(wish, within)).status();
           },
       .release =
           [this](const std::string& fusion,
                  const std::function<absl::Status(const std::string&)>& within) {
             return publisher
                 .Publish({.fusion = fusion,
                           .acknowledged_reason = acknowledged,
                           .actor = "coordinator",
                           .within = within})
                 .status();
           },
       .reload = [this](const std::string& model) { reloaded.push_back(model); }}};
  std::string acknowledged = "tiny models";

  absl::Status EraseDerived() {
    std::vector<std::string> kept;
    ASSIGN_OR_RETURN(const std::vector<ModelRecord> served, site.models.ListServed());
    for (const ModelRecord& model : served) kept.push_back(model.fusion);
    RETURN_IF_ERROR(worker->EraseWithdrawn(kept));
    return publisher.RemoveStray();
  }

  // What the service does in its transaction.
  void Withdraw(const std::string& member) {
    const std::string name = absl::StrCat(kCooperative, "/contributors/", member);
    REQUIRE_OK(site.database->Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(site.cooperatives.Withdraw("nordic", member, absl::Now()));
      RETURN_IF_ERROR(withdrawals.Record(name, name, "the project ended"));
      return site.audit.Append(name, "WITHDRAW_CONTRIBUTOR", name).status();
    }));
    worker->Recheck();
  }

  WithdrawalRecord Row(const std::string& member) { return rows.Get("nordic", member).value(); }

  // Everything until nothing is left to do.
  void Finish(const std::string& member) {
    REQUIRE_OK(withdrawals.Erase());
    withdrawals.Advance();
    const WithdrawalRecord row = Row(member);
    if (row.state != WithdrawalState::kResolving) return;
    site.Wait(row.fusion);
    withdrawals.Advance();
  }
};

// bergen (tide), oslo (stone) and voss (tide, too, another model).
inline void AdmitThree(Site& site) {
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
  site.Join("voss", "tide");
  site.Submit("voss", "tide", "ebb", "voss");
}

inline void AdmitTwo(Site& site) {
  site.Admit("bergen", "tide");
  site.Admit("oslo", "stone");
}

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_INTEGRATION_WITHDRAWAL_SITE_H_
