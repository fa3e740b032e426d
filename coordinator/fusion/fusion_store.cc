#include "coordinator/fusion/fusion_store.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"

namespace kalavai::coordinator {
namespace {

constexpr std::array<absl::string_view, 6> kStateNames = {
    "QUEUED", "PROBING", "TRAINING_ROUTER", "EVALUATING", "SUCCEEDED", "FAILED"};

constexpr char kColumns[] =
    "name, cooperative, seed, steps, threads, state, progress_done, progress_total, progress_unit, "
    "failure_reason, failure_message, input_json, create_time, end_time, fused_loss, gain_percent, "
    "oracle_gain_percent, oracle_gap_nats, divergence_percent, guard_met, router_digest, "
    "report_digest, report_json, report_markdown, weight_average, mixture";

FusionState StateFromName(absl::string_view name) {
  for (size_t i = 0; i < kStateNames.size(); ++i) {
    if (kStateNames[i] == name) return static_cast<FusionState>(i);
  }
  KALAVAI_CHECK(false, "the table's CHECK admits only these names");
}

FusionRecord RecordOf(Row& row) {
  FusionRecord fusion;
  fusion.name = row.Text(0);
  fusion.cooperative = row.Text(1);
  fusion.seed = static_cast<uint64_t>(row.Int(2));
  fusion.steps = row.Int(3);
  fusion.threads = row.Int(4);
  fusion.state = StateFromName(row.Text(5));
  fusion.progress = {.done = row.Int(6), .total = row.Int(7), .unit = row.Text(8)};
  fusion.failure_reason = row.Text(9);
  fusion.failure_message = row.Text(10);
  fusion.input_json = row.Text(11);
  fusion.create_time = row.Time(12);
  if (!row.IsNull(13)) fusion.end_time = row.Time(13);
  fusion.weight_average = row.Bool(24);
  fusion.mixture = MixtureFromName(row.Text(25));
  if (fusion.state != FusionState::kSucceeded) return fusion;
  fusion.figures = FusionFigures{.fused_loss = row.Double(14),
                                 .gain_percent = row.Double(15),
                                 .oracle_gain_percent = row.Double(16),
                                 .oracle_gap_nats = row.Double(17),
                                 .divergence_percent = row.OptionalDouble(18),
                                 .guard_met = row.Bool(19),
                                 .router_digest = row.Digest(20),
                                 .report_digest = row.Digest(21),
                                 .report_json = row.Text(22),
                                 .report_markdown = row.Text(23)};
  return fusion;
}

absl::Status NotFound(absl::string_view name) {
  return MakeError(absl::StatusCode::kNotFound, "FUSION_NOT_FOUND",
                   {.what = absl::StrCat(name, ": there is no such fusion"),
                    .fix = "list them with 'kalavai-coordinator models'",
                    .metadata = {{"fusion", std::string(name)}}});
}

absl::Status WrongState(const FusionRecord& fusion, absl::string_view rule) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH",
      {.what = absl::StrCat(fusion.name, ": is ", FusionStateName(fusion.state), "; must ", rule)});
}

}  // namespace

absl::string_view FusionStateName(FusionState state) {
  return kStateNames[static_cast<size_t>(state)];
}

absl::Status HasWithdrawnMember(absl::string_view what) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "MODEL_HAS_WITHDRAWN_MEMBER",
      {.what = absl::StrCat(what, ": mixes a specialist, or read a sample, of a member that left"),
       .why = "a member's leave is final: no model with it is released, served or "
              "returned to again",
       .fix = "fuse the members that are left: 'kalavai-coordinator fuse'"});
}

bool IsFinal(FusionState state) {
  return state == FusionState::kSucceeded || state == FusionState::kFailed;
}

absl::Status FusionStore::Create(const FusionRecord& fusion) {
  bool exists = false;
  RETURN_IF_ERROR(database_.Query(
      "SELECT 1 FROM fusions WHERE name = ?1",
      [&](Row&) {
        exists = true;
        return absl::OkStatus();
      },
      fusion.name));
  if (exists) {
    return MakeError(absl::StatusCode::kAlreadyExists, "FUSION_EXISTS",
                     {.what = absl::StrCat("fusion: ", fusion.name, " exists; must be new"),
                      .fix = "choose another id, or leave it out",
                      .metadata = {{"fusion", fusion.name}}});
  }
  std::string running;
  RETURN_IF_ERROR(database_.Query(
      "SELECT name FROM fusions WHERE cooperative = ?1 AND state NOT IN ('SUCCEEDED', 'FAILED')",
      [&](Row& row) {
        running = row.Text(0);
        return absl::OkStatus();
      },
      fusion.cooperative));
  if (!running.empty()) {
    return MakeError(absl::StatusCode::kAborted, "FUSION_RUNNING",
                     {.what = absl::StrCat(running, ": still running; must have ended"),
                      .why = "a cooperative runs one fusion at a time",
                      .fix = "wait for it, then repeat the command",
                      .metadata = {{"fusion", running}}});
  }
  RETURN_IF_ERROR(
      database_.Execute("INSERT INTO fusions (name, cooperative, seed, steps, threads, state, "
                        "input_json, create_time, weight_average, mixture) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, 'QUEUED', ?6, ?7, ?8, ?9)",
                        fusion.name, fusion.cooperative, static_cast<int64_t>(fusion.seed),
                        fusion.steps, fusion.threads, fusion.input_json, fusion.create_time,
                        fusion.weight_average, MixtureName(fusion.mixture)));
  RETURN_IF_ERROR(InsertExperts(fusion));
  for (size_t i = 0; i < fusion.references.size(); ++i) {
    const ReferenceModel& reference = fusion.references[i];
    RETURN_IF_ERROR(database_.Execute(
        "INSERT INTO fusion_reference_models (fusion, position, label, directory, root_digest) "
        "VALUES (?1, ?2, ?3, ?4, ?5)",
        fusion.name, i, reference.label, reference.directory, reference.root_digest));
  }
  for (const std::string& contributor : fusion.samples) {
    RETURN_IF_ERROR(
        database_.Execute("INSERT INTO fusion_samples (fusion, cooperative, contributor) "
                          "SELECT ?1, cooperative, contributor FROM shared_samples "
                          "WHERE 'cooperatives/' || cooperative = ?2 AND contributor = ?3",
                          fusion.name, fusion.cooperative, contributor));
  }
  return absl::OkStatus();
}

absl::Status FusionStore::InsertExperts(const FusionRecord& fusion) {
  for (size_t i = 0; i < fusion.experts.size(); ++i) {
    const FusionExpert& expert = fusion.experts[i];
    RETURN_IF_ERROR(database_.Execute(
        "INSERT INTO fusion_experts (fusion, position, submission, contributor, domain, "
        "root_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        fusion.name, i, expert.submission, expert.contributor, expert.domain, expert.root_digest));
  }
  return absl::OkStatus();
}

absl::Status FusionStore::Replan(const FusionRecord& fusion,
                                 const std::vector<FusionExpert>& screened) {
  ASSIGN_OR_RETURN(const FusionRecord before, Get(fusion.name));
  if (IsFinal(before.state)) return WrongState(before, "not have ended");
  RETURN_IF_ERROR(database_.Execute("DELETE FROM fusion_experts WHERE fusion = ?1", fusion.name));
  RETURN_IF_ERROR(InsertExperts(fusion));
  for (const FusionExpert& expert : screened) {
    RETURN_IF_ERROR(
        database_.Execute("INSERT INTO screened_specialists (fusion, submission, root_digest) "
                          "VALUES (?1, ?2, ?3)",
                          fusion.name, expert.submission, expert.root_digest));
  }
  return database_.Execute("UPDATE fusions SET input_json = ?2 WHERE name = ?1", fusion.name,
                           fusion.input_json);
}

absl::StatusOr<std::vector<Digest>> FusionStore::ListScreenedOfWithdrawn() const {
  std::vector<Digest> digests;
  RETURN_IF_ERROR(database_.Query(
      "SELECT DISTINCT c.root_digest FROM screened_specialists AS c "
      "JOIN current_submissions AS s ON s.name = c.submission "
      "WHERE s.state = 'WITHDRAWN' OR EXISTS (SELECT 1 FROM fusion_samples AS f "
      "JOIN contributors AS m ON m.cooperative = f.cooperative AND m.id = f.contributor "
      "WHERE f.fusion = c.fusion AND m.state = 'WITHDRAWN') ORDER BY 1",
      [&](Row& row) {
        digests.push_back(row.Digest(0));
        return absl::OkStatus();
      }));
  return digests;
}

absl::Status FusionStore::ReadLists(FusionRecord& fusion) const {
  ASSIGN_OR_RETURN(fusion.experts, Experts(fusion.name));
  RETURN_IF_ERROR(database_.Query(
      "SELECT contributor FROM fusion_samples WHERE fusion = ?1 ORDER BY contributor",
      [&](Row& row) {
        fusion.samples.push_back(row.Text(0));
        return absl::OkStatus();
      },
      fusion.name));
  return database_.Query(
      "SELECT label, directory, root_digest FROM fusion_reference_models WHERE fusion = ?1 "
      "ORDER BY position",
      [&](Row& row) {
        fusion.references.push_back(
            {.label = row.Text(0), .directory = row.Text(1), .root_digest = row.Digest(2)});
        return absl::OkStatus();
      },
      fusion.name);
}

absl::StatusOr<std::vector<FusionExpert>> FusionStore::Experts(absl::string_view name) const {
  std::vector<FusionExpert> experts;
  RETURN_IF_ERROR(database_.Query(
      "SELECT submission, contributor, domain, root_digest FROM fusion_experts "
      "WHERE fusion = ?1 ORDER BY position",
      [&](Row& row) {
        experts.push_back({.submission = row.Text(0),
                           .contributor = row.Text(1),
                           .domain = row.Text(2),
                           .root_digest = row.Digest(3)});
        return absl::OkStatus();
      },
      name));
  return experts;
}

absl::StatusOr<FusionRecord> FusionStore::Get(absl::string_view name) const {
  std::optional<FusionRecord> found;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns, " FROM fusions WHERE name = ?1"),
      [&](Row& row) {
        found = RecordOf(row);
        return absl::OkStatus();
      },
      name));
  if (!found.has_value()) return NotFound(name);
  RETURN_IF_ERROR(ReadLists(*found));
  return *std::move(found);
}

absl::StatusOr<std::vector<FusionRecord>> FusionStore::List(absl::string_view cooperative,
                                                            absl::string_view after,
                                                            int64_t limit) const {
  std::vector<FusionRecord> fusions;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns,
                   " FROM fusions WHERE cooperative = ?1 AND rowid > coalesce((SELECT rowid FROM "
                   "fusions WHERE name = ?2), 0) ORDER BY rowid LIMIT ?3"),
      [&](Row& row) {
        fusions.push_back(RecordOf(row));
        return absl::OkStatus();
      },
      cooperative, after, limit));
  for (FusionRecord& fusion : fusions) RETURN_IF_ERROR(ReadLists(fusion));
  return fusions;
}

absl::StatusOr<std::vector<FusionRecord>> FusionStore::ListUnfinished() const {
  std::vector<FusionRecord> fusions;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns,
                   " FROM fusions WHERE state NOT IN ('SUCCEEDED', 'FAILED') ORDER BY rowid"),
      [&](Row& row) {
        fusions.push_back(RecordOf(row));
        return absl::OkStatus();
      }));
  for (FusionRecord& fusion : fusions) RETURN_IF_ERROR(ReadLists(fusion));
  return fusions;
}

absl::StatusOr<std::vector<FusionRecord>> FusionStore::ListOfWithdrawn() const {
  std::vector<FusionRecord> fusions;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns,
                   " FROM fusions WHERE name IN (SELECT fusion FROM withdrawn_fusions) "
                   "ORDER BY rowid"),
      [&](Row& row) {
        fusions.push_back(RecordOf(row));
        return absl::OkStatus();
      }));
  for (FusionRecord& fusion : fusions) RETURN_IF_ERROR(ReadLists(fusion));
  return fusions;
}

absl::StatusOr<std::vector<Digest>> FusionStore::ListWithdrawnExperts(
    absl::string_view name) const {
  std::vector<Digest> digests;
  RETURN_IF_ERROR(database_.Query(
      "SELECT e.root_digest FROM fusion_experts AS e JOIN current_submissions AS s "
      "ON s.name = e.submission WHERE e.fusion = ?1 AND s.state = 'WITHDRAWN' "
      "ORDER BY e.position",
      [&](Row& row) {
        digests.push_back(row.Digest(0));
        return absl::OkStatus();
      },
      name));
  return digests;
}

absl::StatusOr<bool> FusionStore::HasWithdrawn(absl::string_view name) const {
  bool has = false;
  RETURN_IF_ERROR(database_.Query(
      "SELECT EXISTS (SELECT 1 FROM withdrawn_fusions WHERE fusion = ?1)",
      [&](Row& row) {
        has = row.Bool(0);
        return absl::OkStatus();
      },
      name));
  return has;
}

absl::StatusOr<bool> FusionStore::HasWithdrawnSample(absl::string_view name) const {
  bool has = false;
  RETURN_IF_ERROR(database_.Query(
      "SELECT EXISTS (SELECT 1 FROM fusion_samples AS f JOIN contributors AS c "
      "ON c.cooperative = f.cooperative AND c.id = f.contributor "
      "WHERE f.fusion = ?1 AND c.state = 'WITHDRAWN')",
      [&](Row& row) {
        has = row.Bool(0);
        return absl::OkStatus();
      },
      name));
  return has;
}

absl::StatusOr<std::string> FusionStore::NextId(absl::string_view cooperative) const {
  for (int64_t number = 1;; ++number) {
    const std::string id = absl::StrCat("fusion-", number);
    const absl::StatusOr<FusionRecord> existing = Get(absl::StrCat(cooperative, "/fusions/", id));
    if (absl::IsNotFound(existing.status())) return id;
    if (!existing.ok()) return existing.status();
  }
}

absl::Status FusionStore::SetState(absl::string_view name, FusionState state,
                                   const FusionProgress& progress) {
  KALAVAI_CHECK(!IsFinal(state), "final states are set with their outcome");
  ASSIGN_OR_RETURN(const FusionRecord fusion, Get(name));
  if (IsFinal(fusion.state)) return WrongState(fusion, "not have ended");
  return database_.Execute(
      "UPDATE fusions SET state = ?2, progress_done = ?3, progress_total = ?4, progress_unit = ?5 "
      "WHERE name = ?1",
      name, FusionStateName(state), progress.done, progress.total, progress.unit);
}

absl::Status FusionStore::SetFailed(absl::string_view name, absl::string_view reason,
                                    absl::string_view message, absl::Time now) {
  return database_.Execute(
      "UPDATE fusions SET state = 'FAILED', failure_reason = ?2, failure_message = ?3, "
      "end_time = ?4 WHERE name = ?1 AND state NOT IN ('SUCCEEDED', 'FAILED')",
      name, reason, message, now);
}

absl::Status FusionStore::SetSucceeded(absl::string_view name, const FusionFigures& figures,
                                       const MeasuredLosses& losses, absl::Time now) {
  ASSIGN_OR_RETURN(const FusionRecord fusion, Get(name));
  if (fusion.state != FusionState::kEvaluating) return WrongState(fusion, "be EVALUATING");
  ASSIGN_OR_RETURN(const bool left, HasWithdrawn(name));
  if (left) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "SUBMISSION_NOT_ADMITTED",
        {.what = absl::StrCat(name, ": a member left while it ran"), .fix = "start a new fusion"});
  }
  RETURN_IF_ERROR(database_.Execute(
      "UPDATE fusions SET state = 'SUCCEEDED', progress_done = progress_total, end_time = ?2, "
      "fused_loss = ?3, gain_percent = ?4, oracle_gain_percent = ?5, oracle_gap_nats = ?6, "
      "divergence_percent = ?7, guard_met = ?8, router_digest = ?9, report_digest = ?10, "
      "report_json = ?11, report_markdown = ?12 WHERE name = ?1",
      name, now, figures.fused_loss, figures.gain_percent, figures.oracle_gain_percent,
      figures.oracle_gap_nats, figures.divergence_percent, figures.guard_met, figures.router_digest,
      figures.report_digest, figures.report_json, figures.report_markdown));
  for (size_t m = 0; m < losses.loss.size(); ++m) {
    for (size_t d = 0; d < losses.domains.size(); ++d) {
      RETURN_IF_ERROR(database_.Execute(
          "INSERT INTO fusion_losses (fusion, expert_position, domain_position, domain, tokens, "
          "loss) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
          name, m, d, losses.domains[d], losses.tokens[d], losses.loss[m][d]));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<MeasuredLosses> FusionStore::GetLossMatrix(absl::string_view name) const {
  MeasuredLosses losses;
  ASSIGN_OR_RETURN(losses.experts, Experts(name));
  losses.loss.resize(losses.experts.size());
  RETURN_IF_ERROR(database_.Query(
      "SELECT expert_position, domain, tokens, loss FROM fusion_losses WHERE "
      "fusion = ?1 ORDER BY expert_position, domain_position",
      [&](Row& row) {
        const auto expert = static_cast<size_t>(row.Int(0));
        if (expert >= losses.loss.size()) return absl::DataLossError("loss without expert");
        losses.loss[expert].push_back(row.Double(3));
        if (expert == 0) {
          losses.domains.push_back(row.Text(1));
          losses.tokens.push_back(row.Int(2));
        }
        return absl::OkStatus();
      },
      name));
  if (losses.domains.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "EVALUATION_MISSING",
                     {.what = absl::StrCat(name, ": has measured nothing yet"),
                      .fix = "wait until it has succeeded"});
  }
  return losses;
}

absl::StatusOr<FusionStore::LatestMatrix> FusionStore::LatestLossMatrix(
    absl::string_view cooperative) const {
  LatestMatrix latest;
  RETURN_IF_ERROR(database_.Query(
      "SELECT name FROM fusions WHERE cooperative = ?1 AND state = 'SUCCEEDED' "
      "ORDER BY rowid DESC LIMIT 1",
      [&](Row& row) {
        latest.fusion = row.Text(0);
        return absl::OkStatus();
      },
      cooperative));
  if (latest.fusion.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "EVALUATION_MISSING",
                     {.what = absl::StrCat("loss matrix: ", cooperative, " has no finished fusion"),
                      .why = "a fusion measures every model on every domain's probe text",
                      .fix = "run 'kalavai-coordinator fuse'"});
  }
  ASSIGN_OR_RETURN(latest.losses, GetLossMatrix(latest.fusion));
  return latest;
}

absl::StatusOr<std::vector<std::string>> FusionStore::ChangedSince(absl::string_view fusion) const {
  std::vector<std::string> submissions;
  RETURN_IF_ERROR(database_.Query(
      "WITH fused AS (SELECT submission AS name FROM fusion_experts "
      "               WHERE fusion = ?1 AND submission <> ''), "
      "     admitted AS (SELECT name FROM current_submissions WHERE state = 'ADMITTED' "
      "                  AND cooperative = (SELECT cooperative FROM fusions WHERE name = ?1)) "
      "SELECT name FROM fused WHERE name NOT IN admitted "
      "UNION SELECT name FROM admitted WHERE name NOT IN fused ORDER BY name",
      [&](Row& row) {
        submissions.push_back(row.Text(0));
        return absl::OkStatus();
      },
      fusion));
  return submissions;
}

absl::StatusOr<std::vector<FinishedFusion>> FusionStore::ListFinished() const {
  std::vector<FinishedFusion> fusions;
  RETURN_IF_ERROR(database_.Query(
      // A fusion done again with the same specialists on the same text has the same divergence to
      // the last bit: its newest is the one point, or repetition would pass for evidence.
      "SELECT fusion, divergence_percent, gain_percent, specialists FROM calibration_points "
      "WHERE sequence IN (SELECT max(sequence) FROM calibration_points "
      "GROUP BY cooperative, divergence_percent) ORDER BY sequence",
      [&](Row& row) {
        fusions.push_back({.name = row.Text(0),
                           .specialists = row.Int(3),
                           .divergence_percent = row.Double(1),
                           .gain_percent = row.Double(2)});
        return absl::OkStatus();
      }));
  return fusions;
}

}  // namespace kalavai::coordinator
