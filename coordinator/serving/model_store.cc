#include "coordinator/serving/model_store.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"

namespace kalavai::coordinator {
namespace {

constexpr std::array<absl::string_view, 3> kStateNames = {"LOADING", "ACTIVE", "RETIRED"};

constexpr char kColumns[] =
    "name, cooperative, fusion, state, state_reason, root_digest, signature, acknowledged_reason, "
    "release_time, turn, mixture";

ModelState StateFromName(absl::string_view name) {
  for (size_t i = 0; i < kStateNames.size(); ++i) {
    if (kStateNames[i] == name) return static_cast<ModelState>(i);
  }
  KALAVAI_CHECK(false, "the table's CHECK admits only these names");
}

ModelRecord RecordOf(Row& row) {
  ModelRecord model;
  model.name = row.Text(0);
  model.cooperative = row.Text(1);
  model.fusion = row.Text(2);
  model.state = StateFromName(row.Text(3));
  model.state_reason = row.Text(4);
  model.root_digest = row.Digest(5);
  model.signature = row.Text(6);
  model.acknowledged_reason = row.Text(7);
  model.release_time = row.Time(8);
  model.turn = row.Int(9);
  model.mixture = MixtureFromName(row.Text(10));
  return model;
}

absl::Status NotFound(absl::string_view name) {
  return MakeError(
      absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
      {.what = absl::StrCat(name, ": there is no such model, or none has been released"),
       .fix = "an administrator releases one with 'kalavai-coordinator release'",
       .metadata = {{"name", std::string(name)}}});
}

}  // namespace

absl::string_view ModelStateName(ModelState state) {
  return kStateNames[static_cast<size_t>(state)];
}

absl::Status ModelStore::Create(const ModelRecord& model) {
  ASSIGN_OR_RETURN(const bool exists, Exists(model.name));
  if (exists) {
    return MakeError(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
                     {.what = absl::StrCat("model: ", model.name, " exists; must be new"),
                      .fix = "choose another id with --model",
                      .metadata = {{"model", model.name}}});
  }
  ASSIGN_OR_RETURN(const int64_t turn, NextTurn());
  RETURN_IF_ERROR(database_.Execute(
      "INSERT INTO models (name, cooperative, fusion, state, state_reason, root_digest, signature, "
      "acknowledged_reason, release_time, turn, mixture) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      model.name, model.cooperative, model.fusion, ModelStateName(model.state), model.state_reason,
      model.root_digest, model.signature, model.acknowledged_reason, model.release_time, turn,
      MixtureName(model.mixture)));
  for (size_t i = 0; i < model.experts.size(); ++i) {
    const ModelExpertRecord& expert = model.experts[i];
    RETURN_IF_ERROR(database_.Execute(
        "INSERT INTO model_experts (model, position, submission, contributor, domain, "
        "root_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        model.name, i, expert.submission, expert.contributor, expert.domain, expert.root_digest));
  }
  for (const ModelFileRecord& file : model.files) {
    RETURN_IF_ERROR(
        database_.Execute("INSERT INTO model_files (model, path, size_bytes, sha256) "
                          "VALUES (?1, ?2, ?3, ?4)",
                          model.name, file.path, file.size_bytes, file.sha256));
  }
  return absl::OkStatus();
}

absl::Status ModelStore::Complete(ModelRecord& model) const {
  RETURN_IF_ERROR(database_.Query(
      "SELECT submission, contributor, domain, root_digest FROM model_experts "
      "WHERE model = ?1 ORDER BY position",
      [&](Row& row) {
        model.experts.push_back({.submission = row.Text(0),
                                 .contributor = row.Text(1),
                                 .domain = row.Text(2),
                                 .root_digest = row.Digest(3)});
        return absl::OkStatus();
      },
      model.name));
  return database_.Query(
      "SELECT path, size_bytes, sha256 FROM model_files "
      "WHERE model = ?1 ORDER BY path",
      [&](Row& row) {
        model.files.push_back(
            {.path = row.Text(0), .size_bytes = row.Int(1), .sha256 = row.Digest(2)});
        return absl::OkStatus();
      },
      model.name);
}

template <typename... Values>
absl::StatusOr<std::optional<ModelRecord>> ModelStore::First(absl::string_view where,
                                                             const Values&... values) const {
  std::optional<ModelRecord> found;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns, " FROM models WHERE ", where, " LIMIT 1"),
      [&](Row& row) {
        found = RecordOf(row);
        return absl::OkStatus();
      },
      values...));
  if (found.has_value()) RETURN_IF_ERROR(Complete(*found));
  return found;
}

absl::StatusOr<ModelRecord> ModelStore::Get(absl::string_view name) const {
  ASSIGN_OR_RETURN(std::optional<ModelRecord> found, First("name = ?1", name));
  if (!found.has_value()) return NotFound(name);
  return *std::move(found);
}

absl::StatusOr<bool> ModelStore::Exists(absl::string_view name) const {
  bool exists = false;
  RETURN_IF_ERROR(database_.Query(
      "SELECT EXISTS (SELECT 1 FROM models WHERE name = ?1)",
      [&](Row& row) {
        exists = row.Bool(0);
        return absl::OkStatus();
      },
      name));
  return exists;
}

absl::StatusOr<ModelRecord> ModelStore::GetNewest(absl::string_view cooperative) const {
  ASSIGN_OR_RETURN(std::optional<ModelRecord> found,
                   First("cooperative = ?1 AND state != 'RETIRED' "
                         "ORDER BY state = 'ACTIVE' DESC, turn DESC",
                         cooperative));
  if (!found.has_value()) return NotFound(cooperative);
  return *std::move(found);
}

absl::StatusOr<ModelRecord> ModelStore::GetEarlier(absl::string_view cooperative) const {
  ASSIGN_OR_RETURN(
      std::optional<ModelRecord> found,
      First("cooperative = ?1 AND turn < (SELECT max(turn) FROM models WHERE cooperative = ?1) "
            "AND name NOT IN (SELECT model FROM withdrawn_models) ORDER BY turn DESC",
            cooperative));
  if (found.has_value()) return *std::move(found);
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "NO_EARLIER_MODEL",
      {.what = absl::StrCat(cooperative, ": no model to return to; must have an earlier one"),
       .why = "models with a part of a member that has left are never served again",
       .fix = "list them: 'kalavai-coordinator models'; or release another fusion",
       .metadata = {{"cooperative", std::string(cooperative)}}});
}

absl::StatusOr<int64_t> ModelStore::LatestTurn(absl::string_view cooperative) const {
  int64_t turn = 0;
  RETURN_IF_ERROR(database_.Query(
      "SELECT coalesce(max(turn), 0) FROM models WHERE cooperative = ?1",
      [&](Row& row) {
        turn = row.Int(0);
        return absl::OkStatus();
      },
      cooperative));
  return turn;
}

absl::StatusOr<bool> ModelStore::HasWithdrawn(absl::string_view name) const {
  bool has = false;
  RETURN_IF_ERROR(database_.Query(
      "SELECT EXISTS (SELECT 1 FROM withdrawn_models WHERE model = ?1)",
      [&](Row& row) {
        has = row.Bool(0);
        return absl::OkStatus();
      },
      name));
  return has;
}

absl::StatusOr<std::vector<ModelRecord>> ModelStore::ListRetiredOfWithdrawn() const {
  std::vector<ModelRecord> models;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns,
                   " FROM models WHERE state = 'RETIRED' "
                   "AND name IN (SELECT model FROM withdrawn_models) ORDER BY turn"),
      [&](Row& row) {
        models.push_back(RecordOf(row));
        return absl::OkStatus();
      }));
  for (ModelRecord& model : models) RETURN_IF_ERROR(Complete(model));
  return models;
}

absl::StatusOr<int64_t> ModelStore::NextTurn() const {
  int64_t turn = 0;
  RETURN_IF_ERROR(database_.Query("SELECT coalesce(max(turn), 0) + 1 FROM models", [&](Row& row) {
    turn = row.Int(0);
    return absl::OkStatus();
  }));
  return turn;
}

absl::Status ModelStore::TakeTurn(absl::string_view name) {
  ASSIGN_OR_RETURN(const int64_t turn, NextTurn());
  return database_.Execute(
      "UPDATE models SET state = 'LOADING', state_reason = '', turn = ?2 WHERE name = ?1", name,
      turn);
}

absl::Status ModelStore::RetireEarlier(const ModelRecord& model) {
  return database_.Execute(
      "UPDATE models SET state = 'RETIRED', state_reason = ?3 "
      "WHERE cooperative = ?1 AND state != 'RETIRED' AND turn < ?2",
      model.cooperative, model.turn, absl::StrCat("replaced by ", model.name));
}

absl::StatusOr<std::vector<ModelRecord>> ModelStore::List(absl::string_view cooperative,
                                                          absl::string_view after,
                                                          int64_t limit) const {
  std::vector<ModelRecord> models;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns,
                   " FROM models WHERE cooperative = ?1 AND rowid > coalesce((SELECT rowid FROM "
                   "models WHERE name = ?2), 0) ORDER BY rowid LIMIT ?3"),
      [&](Row& row) {
        models.push_back(RecordOf(row));
        return absl::OkStatus();
      },
      cooperative, after, limit));
  for (ModelRecord& model : models) RETURN_IF_ERROR(Complete(model));
  return models;
}

absl::StatusOr<std::vector<ModelRecord>> ModelStore::ListServed() const {
  std::vector<ModelRecord> models;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat("SELECT ", kColumns, " FROM models WHERE state != 'RETIRED' ORDER BY turn"),
      [&](Row& row) {
        models.push_back(RecordOf(row));
        return absl::OkStatus();
      }));
  for (ModelRecord& model : models) RETURN_IF_ERROR(Complete(model));
  return models;
}

absl::Status ModelStore::SetState(absl::string_view name, ModelState state,
                                  absl::string_view reason) {
  return database_.Execute("UPDATE models SET state = ?2, state_reason = ?3 WHERE name = ?1", name,
                           ModelStateName(state), reason);
}

}  // namespace kalavai::coordinator
